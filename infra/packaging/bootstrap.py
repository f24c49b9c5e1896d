"""Make `.venv` what `requirements.lock` says; nothing happens when it already is.

Standard library only: this runs before anything is installed. Two at once wait for each other.
"""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
LOCK, CPU_LOCK, CUDA_LOCK = (ROOT / f"requirements{part}.lock" for part in ("", "-cpu", "-cuda"))
"""The second is torch's CPU build, which pip finds on some machines. The third is for the build for
CUDA, which is what the package index has."""
STAMP = VENV / ".installed"
NEEDED = (3, 11)


def main() -> None:
    if sys.version_info[:2] != NEEDED:
        found = ".".join(map(str, sys.version_info[:3]))
        sys.exit(
            f"Python {found} found at {sys.executable}; a clone needs 3.11, the version of the "
            "functions' runtime, whose packages requirements.lock pins. Set "
            "PYTHON=/path/to/python3.11. The installed package runs on 3.11 and later."
        )
    with (ROOT / ".venv.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = _digest(LOCK, CPU_LOCK, CUDA_LOCK, ROOT / "pyproject.toml")
        if STAMP.exists() and STAMP.read_text() == wanted:
            return
        if not (VENV / "bin" / "python").exists():
            sys.stdout.write("creating .venv\n")
            venv.create(VENV, with_pip=True)
        sys.stdout.write("installing what requirements.lock lists; minutes the first time\n")
        sys.stdout.flush()
        # First: pip would rather take a build whose hash its index tells, and that is CUDA's.
        _install_locked(CPU_LOCK, may_fail=True)
        _install_locked(LOCK)
        if not any(VENV.glob("lib/python*/site-packages/torch-*+cpu.dist-info")):
            _install_locked(CUDA_LOCK)
        _pip("install", "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
        STAMP.write_text(wanted)


def _install_locked(lock: Path, *, may_fail: bool = False) -> None:
    """Install what a lock lists, and no file of another content.

    A lock is whole, so nothing is resolved. Nothing is built: that would run code, and bring
    packages, that no hash covers.
    """
    strict = ("--no-deps", "--require-hashes", "--only-binary=:all:")
    _pip("install", *strict, "--requirement", str(lock), may_fail=may_fail)


def _pip(*arguments: str, may_fail: bool = False) -> None:
    command = [str(VENV / "bin" / "python"), "-m", "pip", *arguments]
    command += ["--quiet", "--disable-pip-version-check"]
    subprocess.run(command, check=not may_fail, stderr=subprocess.DEVNULL if may_fail else None)


def _digest(*files: Path) -> str:
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


if __name__ == "__main__":
    main()
