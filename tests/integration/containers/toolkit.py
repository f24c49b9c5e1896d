"""A Python with AWS's real training toolkit beside what this project has installed."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

from infra.packaging.assets import digest, exclusive
from tests.integration.containers.machine import ROOT
from tests.integration.containers.sandbox import give_up

_FOLDER = ROOT / "build" / "toolkit"
_REQUIREMENTS = Path(__file__).with_name("requirements-toolkit.txt")
_TO_BUILD = Path(__file__).with_name("requirements-toolkit-build.txt")
"""What turns AWS's source archives into wheels; pip itself would fetch it without a hash."""


def toolkit_python() -> Path:
    """The interpreter, installed on first use; `train` lies beside it."""
    python = _FOLDER / "venv" / "bin" / "python3"
    files = [(file.name, file) for file in (_TO_BUILD, _REQUIREMENTS)]
    stamp, wanted = _FOLDER / "installed", digest(files)
    with exclusive(_FOLDER):
        if stamp.exists() and stamp.read_text() == wanted:
            return python
        venv.create(_FOLDER / "venv", with_pip=True, clear=True)
        _install(python, _TO_BUILD, "--only-binary=:all:")
        _install(python, _REQUIREMENTS, "--no-build-isolation")
        # torch and all else come from this environment: a second copy would be 1 GB.
        version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
        packages = _FOLDER / "venv" / "lib" / version / "site-packages"
        (packages / "beside.pth").write_text(sysconfig.get_path("purelib") + "\n")
        stamp.write_text(wanted)
    return python


def _install(python: Path, requirements: Path, option: str) -> None:
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--require-hashes", option, "--requirement", str(requirements)]
    installed = subprocess.run(command, capture_output=True, text=True, check=False)
    if installed.returncode:
        give_up(f"AWS's toolkit cannot be installed: {installed.stderr.strip()[-500:]}")
