"""Which process a number meant when it was written down: numbers are given again."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_PROC = Path("/proc")
_STATE, _START = 0, 19
"""Fields 3 and 22 of /proc/<pid>/stat, counted from the end of the command's name (proc(5))."""
_MOST_DIGITS = 10


@dataclass(frozen=True)
class ProcessIdentity:
    """A process, told from every other that has or had its number."""

    pid: int
    started: str
    """When, as the machine says it; on Linux with the machine's boot."""

    @classmethod
    def of(cls, pid: int) -> ProcessIdentity | None:
        """Of what has the number now; None for nothing, and for what has ended."""
        started = _started(pid)
        return None if started is None else cls(pid, started)

    @classmethod
    def read(cls, text: str) -> ProcessIdentity | None:
        """As `str` writes it; None for anything else."""
        pid, _, started = text.strip().partition(" ")
        is_number = pid.isdecimal() and len(pid) <= _MOST_DIGITS
        return cls(int(pid), started) if is_number and started else None

    def __str__(self) -> str:
        return f"{self.pid} {self.started}"

    def is_alive(self) -> bool:
        return self.of(self.pid) == self

    def signal(self, number: int) -> bool:
        """Send a signal to the process, and to no other. Returns whether it was there."""
        if not self.is_alive():
            return False
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            return False
        return True


def _started(pid: int) -> str | None:
    if not _PROC.is_dir():
        return _started_by_ps(pid)
    try:
        told = (_PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, PermissionError, ProcessLookupError):
        return None  # one that is hidden is none of ours
    fields = told.rpartition(")")[2].split()
    return None if fields[_STATE] in "ZX" else f"{fields[_START]} {_boot()}"


@cache
def _boot() -> str:
    try:
        return (_PROC / "sys" / "kernel" / "random" / "boot_id").read_text().strip()
    except OSError:
        return "unknown"


def _started_by_ps(pid: int) -> str | None:
    """Where there is no /proc, as on macOS."""
    asked = ["ps", "-o", "stat=,lstart=", "-p", str(pid)]
    told = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
    state, _, started = told.strip().partition(" ")
    return None if not started or state.startswith("Z") else " ".join(started.split())
