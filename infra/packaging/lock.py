"""Write the locks: what each place installs, pinned, with the hash of every wheel it may take.

    python -m infra.packaging.lock pins    after a pin was changed, before it is installed
    python -m infra.packaging.lock units   what follows from the environment that has it

`make lock` does both. The first renews the hashes in the files whose pins are changed by hand. The
second writes the files for jobs and for installations from this environment, with whose versions
everything is tested.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.tags import Tag
from packaging.utils import canonicalize_name
from packaging.version import Version

from infra.packaging.wheel_index import hashes_of, linux_tags
from infra.packaging.wheels import LAMBDA, TRAINING_IMAGE, Platform

ROOT = Path(__file__).parents[2]
MACHINES = ("x86_64", "aarch64")
"""Of Linux, on which a clone is run."""
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
"""Those on which the package is installed. A clone runs on the first."""
IN_THE_IMAGE = {"numpy": "2.4.3", "torch": "2.13.0"}
"""What is not brought, and the lowest version in AWS's images: torch fits their CUDA, and numpy
torch. docker/pytorch/2.13/{cpu,cuda}/uv.lock of aws/deep-learning-containers@e0ecede (2026-08-21).

The images have more of the rest, in other versions than those tested here, so that is brought."""
CPU_BUILDS = {"torch==2.13.0": "6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b"}
"""Wheels of the same version that are not on the index, and may be installed all the same.

torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl, of PyTorch's own index of CPU builds; the
hash is of the file with which everything here is tested. It needs no CUDA."""
CLONE = ("requirements.lock", "requirements-cpu.lock", "requirements-cuda.lock")
TOOLKIT_BUILD = "tests/integration/containers/requirements-toolkit-build.txt"
TOOLS = (
    "infra/packaging/locks/tooling.lock",
    "benchmarks/requirements-bfcl.txt",
    "benchmarks/requirements-smollm2.txt",
    TOOLKIT_BUILD,
)
"""What single commands fetch."""
TOOLKIT = "tests/integration/containers/requirements-toolkit.txt"
"""AWS publishes it as source archives only."""
IMAGES_NUMPY = "tests/infra/packaging/requirements-image.txt"
ENGINES = "tests/integration/engines/requirements-vllm.lock"
FUNCTIONS = tuple(f"lambdas/requirements{part}.txt" for part in ("", "-dataset", "-planning"))
JOBS = "training/requirements.lock"

_JOBS_HEADER = """\
# What training jobs import beyond torch and numpy, which AWS's PyTorch image carries. Written by
# `make lock` from training/requirements.txt, with the versions of requirements.lock: do not edit.
"""
_PACKAGE_HEADER = """\
# What the package needs on Python {python}, in the versions with which it was tested. Written by
# `make lock`: do not edit. pip install --no-deps --require-hashes -r this file, then the wheel.
"""
_PIN = re.compile(r"^([A-Za-z0-9][\w.-]*)==([^\s;]+)", re.M)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def main(part: str) -> None:
    {"pins": _renew_pins, "units": _write_units}[part]()


def _renew_pins() -> None:
    clone = linux_tags(PYTHONS[0], MACHINES)
    for name in (*CLONE, ENGINES, *TOOLS):
        _renew(ROOT / name, lambda pins: _with_cpu_builds(pins, clone))
    _renew(ROOT / TOOLKIT, lambda pins: hashes_of(pins, clone, sources=True))
    _renew(ROOT / IMAGES_NUMPY, lambda pins: _for_archives(pins, TRAINING_IMAGE))
    for name in FUNCTIONS:
        _renew(ROOT / name, lambda pins: _for_archives(pins, LAMBDA))


def _write_units() -> None:
    wanted = requirements_in((ROOT / "training" / "requirements.txt").read_text())
    pins = closure(wanted, environment_of(TRAINING_IMAGE.python), distribution, IN_THE_IMAGE)
    hashes = _for_archives(pins, TRAINING_IMAGE)
    (ROOT / JOBS).write_text(_JOBS_HEADER + lock_text(pins, hashes))
    for python in PYTHONS:
        pins = package_pins(python)
        header = _PACKAGE_HEADER.format(python=python)
        hashes = hashes_of(pins, linux_tags(python, MACHINES))
        package_lock(python).write_text(header + lock_text(pins, hashes))


def package_lock(python: str) -> Path:
    """The lock of the installed package for a Python such as "3.12"."""
    return ROOT / "infra" / "packaging" / "locks" / f"package-python{python}.lock"


def package_pins(python: str) -> dict[str, str]:
    """What the package needs on a Python, in the versions of this environment."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [Requirement(text) for text in project["dependencies"]]
    return closure(wanted, environment_of(python), distribution)


def _renew(path: Path, find: Callable[[dict[str, str]], dict[str, list[str]]]) -> None:
    """Write a file of pins anew with their hashes; its comments stay at its head."""
    text = path.read_text()
    pins = pins_in(text)
    header = "".join(line + "\n" for line in text.splitlines() if line.startswith("#"))
    path.write_text(header + lock_text(pins, find(pins)))


def _for_archives(pins: Mapping[str, str], platform: Platform) -> dict[str, list[str]]:
    """One wheel each: an archive must be the same wherever it is built."""
    tags = linux_tags(platform.python, ("x86_64",), platform.glibc_minor)
    return hashes_of(pins, tags, best_only=True)


def _with_cpu_builds(pins: Mapping[str, str], tags: list[Tag]) -> dict[str, list[str]]:
    """Hashes of the index's wheels and of builds that are not there, such as torch 2.13.0+cpu."""
    listed = {name: version for name, version in pins.items() if "+" not in version}
    found = hashes_of(listed, tags)
    return {
        name: [
            *(sha256 for build, sha256 in CPU_BUILDS.items() if _is_of(build, name, version)),
            *found.get(name, []),
        ]
        for name, version in pins.items()
    }


def _is_of(build: str, name: str, version: str) -> bool:
    return build == f"{name}=={Version(version).public}"


def requirements_in(text: str) -> list[Requirement]:
    """The requirements of a file with one on each line."""
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return [Requirement(line) for line in lines if line]


def pins_in(text: str) -> dict[str, str]:
    """Name → version of a file of pins, as they are written there."""
    return dict(_PIN.findall(text))


def hashes_in(text: str) -> dict[str, list[str]]:
    """Name → hashes of a file of pins."""
    starts = [*_PIN.finditer(text)]
    ends = [*(start.start() for start in starts[1:]), len(text)]
    return {
        start[1]: _HASH.findall(text, start.start(), end)
        for start, end in zip(starts, ends, strict=True)
    }


def closure(
    wanted: Iterable[Requirement],
    environment: Mapping[str, str],
    find: Callable[[str], Distribution],
    there: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Name → version of all that is wanted and what that needs in turn.

    Args:
        there: Name → version of what need not be brought.

    Raises:
        ValueError: when the version of a package that is there is refused by one that needs it.
    """
    pins: dict[str, str] = {}
    there = there or {}
    waiting = list(wanted)
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name in there:
            if not requirement.specifier.contains(there[name]):
                raise ValueError(
                    f"{requirement} is needed, and AWS's image has {name} {there[name]}: "
                    "choose a version that works with it, or a newer image"
                )
            continue
        if name not in pins:
            found = find(name)
            pins[name] = found.version
            needs = [Requirement(text) for text in found.requires or ()]
            waiting += [need for need in needs if applies(need, environment)]
    return dict(sorted(pins.items()))


def environment_of(python: str) -> dict[str, str]:
    """What markers are read with: pip would read them with the interpreter that it runs in."""
    ours = {name: str(value) for name, value in default_environment().items()}
    return ours | {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "os_name": "posix",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": "x86_64",
        "extra": "",
    }


def applies(need: Requirement, environment: Mapping[str, str]) -> bool:
    """Whether a package needs another on a platform, without any of its extras."""
    return need.marker is None or need.marker.evaluate(dict(environment))


def lock_text(pins: Mapping[str, str], hashes: Mapping[str, Sequence[str]]) -> str:
    """Pins as pip's `--require-hashes` reads them: one hash on the line, more below it."""
    lines = []
    for name, version in pins.items():
        between = " " if len(hashes[name]) == 1 else " \\\n    "
        lines.append(between.join([f"{name}=={version}", *_options(hashes[name])]) + "\n")
    return "".join(lines)


def _options(hashes: Iterable[str]) -> list[str]:
    return [f"--hash=sha256:{sha256}" for sha256 in hashes]


if __name__ == "__main__":
    main(sys.argv[1])
