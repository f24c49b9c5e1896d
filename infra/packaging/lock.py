"""Write `training/requirements.lock`: every package that a job brings to AWS's image, with hashes.

`make lock`, after a change of `training/requirements.txt` or `requirements.lock`. Versions are
those of this environment, with which everything is tested; hashes are those of the wheels for the
image's interpreter.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from infra.packaging.wheels import TRAINING_IMAGE, Platform

IN_THE_IMAGE = {"numpy": "2.4.3", "torch": "2.13.0"}
"""What is not brought, and the lowest version in AWS's images: torch fits their CUDA, and numpy
torch. docker/pytorch/2.13/{cpu,cuda}/uv.lock of aws/deep-learning-containers@e0ecede (2026-08-21).

The images have more of the rest, in other versions than those tested here, so that is brought."""

_HEADER = """\
# What training jobs import beyond torch and numpy, which AWS's PyTorch image carries. Written by
# `make lock` from training/requirements.txt, with the versions of requirements.lock: do not edit.
"""


def main() -> None:
    root = Path(__file__).parents[2]
    wanted = requirements_in((root / "training" / "requirements.txt").read_text())
    pins = closure(wanted, TRAINING_IMAGE, distribution)
    (root / "training" / "requirements.lock").write_text(lock_text(pins, _hashes(pins)))


def requirements_in(text: str) -> list[Requirement]:
    """The requirements of a file with one on each line."""
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return [Requirement(line) for line in lines if line]


def closure(
    wanted: Iterable[Requirement], platform: Platform, find: Callable[[str], Distribution]
) -> dict[str, str]:
    """Name → version of all that is wanted and what that needs in turn, but for the image's.

    Raises:
        ValueError: when the image's version of a package is refused by one that needs it.
    """
    pins: dict[str, str] = {}
    waiting = list(wanted)
    environment = environment_of(platform)
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name in IN_THE_IMAGE:
            if not requirement.specifier.contains(IN_THE_IMAGE[name]):
                raise ValueError(
                    f"{requirement} is needed, and AWS's image has {name} {IN_THE_IMAGE[name]}: "
                    "choose a version that works with it, or a newer image"
                )
            continue
        if name not in pins:
            found = find(name)
            pins[name] = found.version
            needs = [Requirement(text) for text in found.requires or ()]
            waiting += [need for need in needs if applies(need, environment)]
    return dict(sorted(pins.items()))


def environment_of(platform: Platform) -> dict[str, str]:
    """What markers are read with: pip would read them with the interpreter that it runs in."""
    ours = {name: str(value) for name, value in default_environment().items()}
    return ours | {
        "python_version": platform.python,
        "python_full_version": f"{platform.python}.0",
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


def lock_text(pins: Mapping[str, str], hashes: Mapping[str, str]) -> str:
    """The lock, as pip's `--require-hashes` reads it."""
    lines = [f"{name}=={version} --hash=sha256:{hashes[name]}" for name, version in pins.items()]
    return _HEADER + "\n".join(lines) + "\n"


def _hashes(pins: Mapping[str, str]) -> dict[str, str]:
    """Name → SHA-256 of the wheel that pip chooses for the image; nothing is downloaded."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed"]
        command += ["--quiet", "--disable-pip-version-check", "--report", str(report)]
        command += ["--target", folder, *TRAINING_IMAGE.choosing_wheels]
        command += [f"{name}=={version}" for name, version in pins.items()]
        subprocess.run(command, check=True)
        chosen = json.loads(report.read_text())["install"]
    return {
        canonicalize_name(item["metadata"]["name"]): item["download_info"]["archive_info"][
            "hashes"
        ]["sha256"]
        for item in chosen
    }


if __name__ == "__main__":
    main()
