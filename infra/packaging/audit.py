"""`make audit`: whether an advisory is known of any package that a lock pins.

pip-audit asks the package index, which not every mirror answers. It holds a package of which the
index says nothing for skipped and ends well; here that is no audit. Exit codes: 0 all were asked
about and none has an advisory; 1 advisories, listed; 2 not audited.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from infra.packaging.lock import CLONE, ENGINES, FUNCTIONS, JOBS, PYTHONS, ROOT, package_lock

LOCKS = (
    *(ROOT / name for name in (*CLONE, *FUNCTIONS, JOBS, ENGINES)),
    *(package_lock(python) for python in PYTHONS),
)
NONE_KNOWN, ADVISORIES, NOT_AUDITED = 0, 1, 2
_TIMEOUT_SECONDS = 30
_MEND = (
    "Give the command again where the package index answers for advisories, as pypi.org does; a "
    "mirror may not"
)


def audit(locks: Sequence[Path]) -> tuple[int, str]:
    """The exit code and what to print, of the packages of some locks."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip_audit", "--progress-spinner=off", "--disable-pip"]
        command += ["--require-hashes", f"--timeout={_TIMEOUT_SECONDS}"]
        command += ["--format=json", f"--output={report}"]
        command += [f"--requirement={_listed_on_the_index(lock, Path(folder))}" for lock in locks]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        if not report.exists():
            last = (ran.stderr.strip().splitlines() or ["pip-audit said nothing"])[-1]
            return NOT_AUDITED, f"Nothing was audited: {last}\n{_MEND}."
        return verdict(json.loads(report.read_text()))


def verdict(report: Mapping[str, Any]) -> tuple[int, str]:
    """The exit code and what to print, of a report of pip-audit in JSON."""
    packages = report["dependencies"]
    skipped = [package for package in packages if "skip_reason" in package]
    found = [
        f"{package['name']} {package['version']}: {advisory['id']}, mended in "
        f"{', '.join(advisory['fix_versions']) or 'no version'}"
        for package in packages
        for advisory in package.get("vulns", ())
    ]
    lines = sorted(set(found))
    if skipped:
        lines.append(
            f"{len(skipped)} of {len(packages)} packages were not audited, such as "
            f"{skipped[0]['name']}: {skipped[0]['skip_reason']}\n{_MEND}."
        )
        return NOT_AUDITED, "\n".join(lines)
    if lines:
        return ADVISORIES, "\n".join([*lines, "Pin a mended version, then `make lock`."])
    return NONE_KNOWN, f"{len(packages)} packages, of which no advisory is known."


def _listed_on_the_index(lock: Path, folder: Path) -> Path:
    """The lock as the index would write its versions: of 2.13.0+cpu it knows 2.13.0."""
    copy = folder / f"{len(list(folder.iterdir()))}-{lock.name}"
    copy.write_text(lock.read_text().replace("+cpu", ""))
    return copy


def main() -> int:
    code, told = audit(LOCKS)
    (sys.stderr if code else sys.stdout).write(told + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
