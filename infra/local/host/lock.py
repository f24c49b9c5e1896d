"""A file as a lock, which goes with the process that has it."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import TextIO


def try_lock(file: TextIO) -> bool:
    """Lock an open file for as long as it stays open. Returns whether nobody else has it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_locked(path: Path) -> bool:
    """Whether a process has a file locked. Looking takes the lock for a moment, shared."""
    try:
        with path.open("r") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
