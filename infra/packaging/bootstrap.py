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
_NOT_THERE = "No matching distribution found"
"""Pip's words where its index has no such version, or none for this machine."""


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
        install()
        STAMP.write_text(wanted)


def install() -> None:
    """Bring the environment to what the locks list.

    Raises:
        SystemExit: pip could not; its words are on stderr or in the message.
    """
    # First: pip would rather take a build whose hash its index tells, and that is CUDA's.
    has_cpu_build = _try_cpu_build()
    _install_locked(LOCK)
    if not has_cpu_build:
        _install_locked(CUDA_LOCK)
    done = _pip("install", "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
    _require(done, str(ROOT))


def _try_cpu_build() -> bool:
    """Install torch's CPU build; False if this machine's pip finds none."""
    done = _pip_with_hashes(CPU_LOCK, stderr=subprocess.PIPE)
    words = (done.stderr or "").strip()
    if done.returncode and _NOT_THERE in words:
        sys.stdout.write(
            "pip finds no CPU build of torch here, so the build for CUDA is fetched: gigabytes\n"
        )
        sys.stdout.flush()
        return False
    _require(done, CPU_LOCK.name, f":\n{words}")
    return True


def _install_locked(lock: Path) -> None:
    _require(_pip_with_hashes(lock), lock.name)


def _pip_with_hashes(lock: Path, stderr: int | None = None) -> subprocess.CompletedProcess[str]:
    """Install what a lock lists, and no file of another content.

    A lock is whole, so nothing is resolved. Nothing is built: that would run code, and bring
    packages, that no hash covers.
    """
    strict = ("--no-deps", "--require-hashes", "--only-binary=:all:")
    return _pip("install", *strict, "--requirement", str(lock), stderr=stderr)


def _pip(*arguments: str, stderr: int | None = None) -> subprocess.CompletedProcess[str]:
    command = [str(VENV / "bin" / "python"), "-m", "pip", *arguments]
    command += ["--quiet", "--disable-pip-version-check"]
    return subprocess.run(command, check=False, stderr=stderr, text=True)


def _require(done: subprocess.CompletedProcess[str], what: str, words: str = "") -> None:
    if done.returncode:
        sys.exit(f"pip could not install {what}{words}")


def _digest(*files: Path) -> str:
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


if __name__ == "__main__":
    main()
