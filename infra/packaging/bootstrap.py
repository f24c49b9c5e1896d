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
        wanted = _digest(ROOT / "requirements.lock", ROOT / "pyproject.toml")
        if STAMP.exists() and STAMP.read_text() == wanted:
            return
        if not (VENV / "bin" / "python").exists():
            sys.stdout.write("creating .venv\n")
            venv.create(VENV, with_pip=True)
        sys.stdout.write("installing what requirements.lock lists; minutes the first time\n")
        sys.stdout.flush()
        _pip("install", "--requirement", str(ROOT / "requirements.lock"))
        _pip("install", "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
        STAMP.write_text(wanted)


def _pip(*arguments: str) -> None:
    command = [str(VENV / "bin" / "python"), "-m", "pip", *arguments]
    subprocess.run([*command, "--quiet", "--disable-pip-version-check"], check=True)


def _digest(*files: Path) -> str:
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


if __name__ == "__main__":
    main()
