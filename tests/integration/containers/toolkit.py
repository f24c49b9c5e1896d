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


def toolkit_python() -> Path:
    """The interpreter, installed on first use; `train` lies beside it."""
    python = _FOLDER / "venv" / "bin" / "python3"
    stamp, wanted = _FOLDER / "installed", digest([(_REQUIREMENTS.name, _REQUIREMENTS)])
    with exclusive(_FOLDER):
        if stamp.exists() and stamp.read_text() == wanted:
            return python
        venv.create(_FOLDER / "venv", with_pip=True, clear=True)
        command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        installed = subprocess.run(
            [*command, "--no-deps", "--require-hashes", "--requirement", str(_REQUIREMENTS)],
            capture_output=True,
            text=True,
            check=False,
        )
        if installed.returncode:
            give_up(f"AWS's toolkit cannot be installed: {installed.stderr.strip()[-500:]}")
        # torch and all else come from this environment: a second copy would be 1 GB.
        version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
        packages = _FOLDER / "venv" / "lib" / version / "site-packages"
        (packages / "beside.pth").write_text(sysconfig.get_path("purelib") + "\n")
        stamp.write_text(wanted)
    return python
