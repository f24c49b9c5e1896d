"""The licences of what is installed and shipped, and whether each is permitted.

python -m infra.licences            write docs/licences.md
python -m infra.licences --check    fail when the page is not what the packages say

Both fail for a licence that is not on the list. Each package's own metadata is read, in the
environment of a clone.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution
from pathlib import Path

from license_expression import ExpressionError, get_spdx_licensing
from packaging.utils import canonicalize_name

from infra.packaging.lock import FUNCTIONS, JOBS, PYTHONS, ROOT, package_lock, pins_in

PAGE = ROOT / "docs" / "licences.md"
CLONE = ROOT / "requirements.lock"
SHIPPED = {
    "package": tuple(package_lock(python) for python in PYTHONS),
    "functions": tuple(ROOT / name for name in FUNCTIONS),
    "jobs": (ROOT / JOBS,),
}
PERMITTED = frozenset(
    {
        *("0BSD", "AFL-2.1", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause"),
        *("BSD-3-Clause", "BSL-1.0", "CC0-1.0", "CNRI-Python", "ISC", "MIT", "MIT-0", "MIT-CMU"),
        *("PSF-2.0", "Zlib", "LicenseRef-BSD", "LicenseRef-matplotlib", "LicenseRef-public-domain"),
        # Of libraries that are used as they are, and named here.
        *("LGPL-2.1-or-later", "MPL-2.0"),
    }
)
"""Identifiers of SPDX; `LicenseRef-BSD` is a BSD licence of which the metadata names no kind."""
SAID_ELSEWHERE = {
    "antlr4-python3-runtime": "BSD-3-Clause",  # github.com/antlr/antlr4, LICENSE.txt
    "docutils": "LicenseRef-public-domain AND BSD-2-Clause AND PSF-2.0",  # its COPYING.rst; the
    # GPL is of an Emacs mode that the wheel does not hold
    "graphemeu": "MIT",  # github.com/timendum/grapheme, LICENSE
    "matplotlib": "LicenseRef-matplotlib",  # LICENSE/LICENSE: the PSF's, in matplotlib's name
    "python-dateutil": "Apache-2.0 OR BSD-3-Clause",  # its LICENSE
    "rensa": "MIT",  # github.com/beowolx/rensa, LICENSE
}
"""Of packages whose metadata does not say it in words that can be judged, with the source."""
_NAMES = {
    "apache": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache 2.0 license": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "3-clause bsd license": "BSD-3-Clause",
    "bsd 2-clause license": "BSD-2-Clause",
    "bsd 3-clause license": "BSD-3-Clause",
    "bsd": "LicenseRef-BSD",
    "bsd license": "LicenseRef-BSD",
    "gnu lesser general public license v2 or later (lgplv2+)": "LGPL-2.1-or-later",
    "isc license": "ISC",
    "isc license (iscl)": "ISC",
    "mit license": "MIT",
    "mit no attribution license (mit-0)": "MIT-0",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "psfl": "PSF-2.0",
    "python software foundation license": "PSF-2.0",
}
"""What metadata called licences before SPDX's identifiers, in lower case."""
_LICENSING = get_spdx_licensing()
_FIELDS = ("License-Expression", "License")
_CLASSIFIER = "License :: OSI Approved :: "


@dataclass(frozen=True)
class Licensed:
    """A package, its licence as an SPDX expression, and what it is shipped in."""

    name: str
    licence: str
    shipped_in: tuple[str, ...]


def licence_of(package: Distribution) -> str:
    """The licence of a package; empty where its metadata does not say it in words known here."""
    name = canonicalize_name(package.name)
    metadata = package.metadata
    said_in = {field: metadata[field] for field in _FIELDS if field in metadata}
    if stated := SAID_ELSEWHERE.get(name) or said_in.get("License-Expression"):
        return stated
    classifiers = [
        text.removeprefix(_CLASSIFIER)
        for text in metadata.get_all("Classifier") or ()
        if text.startswith(_CLASSIFIER)
    ]
    for said in ([said_in.get("License", "")], classifiers):
        licences = [_NAMES.get(text.lower(), text) for text in said]
        if licences and all(map(_is_expression, licences)):
            return " AND ".join(sorted(set(licences)))
    return ""


def _is_expression(text: str) -> bool:
    if re.fullmatch(r"LicenseRef-[\w.-]+", text):
        return True
    try:
        return bool(text) and _LICENSING.parse(text, validate=True) is not None
    except ExpressionError:
        return False


def is_permitted(licence: str) -> bool:
    """Whether a licence lets us use a package: of alternatives one is enough."""
    if not licence:
        return False
    parsed = _LICENSING.parse(licence)
    return _holds(parsed)


def _holds(parsed: object) -> bool:
    if isinstance(parsed, _LICENSING.OR):
        return any(map(_holds, parsed.args))
    if isinstance(parsed, _LICENSING.AND):
        return all(map(_holds, parsed.args))
    return str(parsed) in PERMITTED


def licensed(clone: str, shipped: Mapping[str, Iterable[str]]) -> list[Licensed]:
    """Every package of the clone's lock.

    Args:
        clone: The lock's text.
        shipped: What is shipped → texts of its locks.
    """
    names = {
        what: {canonicalize_name(name) for text in texts for name in pins_in(text)}
        for what, texts in shipped.items()
    }
    return [
        Licensed(
            name,
            licence_of(distribution(name)),
            tuple(what for what, listed in names.items() if canonicalize_name(name) in listed),
        )
        for name in pins_in(clone)
    ]


def refused(packages: Iterable[Licensed]) -> list[str]:
    """A line for each package whose licence is not permitted."""
    return [
        f"{package.name}: {package.licence or 'a licence that its metadata does not name'} is not "
        "permitted. Do without the package, or add the licence to PERMITTED of infra/licences.py "
        "(or to SAID_ELSEWHERE, if only the metadata is wrong) and say why in the commit"
        for package in packages
        if not is_permitted(package.licence)
    ]


def page(packages: Iterable[Licensed]) -> str:
    """The page in Markdown."""
    rows = [
        f"| {package.name} | {package.licence} | {', '.join(package.shipped_in) or '-'} |"
        for package in packages
    ]
    return _INTRODUCTION + "\n".join(rows) + "\n"


_INTRODUCTION = f"""\
# Licences of what we use

Every package of `requirements.lock`, its licence as an [SPDX expression](https://spdx.org/licenses/),
and where it is shipped: `package` is what an installation of Stratos brings, `functions` what the
stack's functions carry, `jobs` what training jobs bring to AWS's image. A package that is not
shipped is used in a clone only. `LicenseRef-BSD` is a BSD licence of which the metadata names no
kind. Versions and hashes are in the locks and in the lists that `make sbom` writes.

Permitted are {", ".join(sorted(PERMITTED))}. Lint fails for a package with another licence.

Not in the table, and shipped nowhere: what PyTorch's CUDA build brings to a clone
(`requirements-cuda.lock`, under NVIDIA's own terms; Triton under MIT), and what `make test-vllm`
installs beside a clone.

This page is generated from the packages' metadata by `make licences`.

| Package | Licence | Shipped in |
|---|---|---|
"""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    asked = parser.parse_args(arguments)
    packages = licensed(
        CLONE.read_text(),
        {what: [path.read_text() for path in paths] for what, paths in SHIPPED.items()},
    )
    wrong = refused(packages)
    if asked.check and (not PAGE.exists() or PAGE.read_text() != page(packages)):
        wrong.append(f"{Path(PAGE).name} is not what the packages say; run `make licences`")
    elif not asked.check:
        PAGE.write_text(page(packages))
    sys.stderr.writelines(f"{line}\n" for line in wrong)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
