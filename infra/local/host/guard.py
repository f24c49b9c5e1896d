"""Ends what this process started if it dies without doing so itself, `kill -9` included.

A small program reads the process groups to watch from a pipe. The pipe closes when its writer is
gone, whatever ended it. Then the program sends SIGTERM to every group that is still watched, and
SIGKILL to those that stay.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from typing import BinaryIO, Protocol

GRACE_SECONDS = 5.0


class GroupList(Protocol):
    """Where the groups that are watched are written down."""

    def added(self, pid: int) -> None: ...

    def removed(self, pid: int) -> None: ...


class Guard:
    """The watching program, started with the first group. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._list: GroupList | None = None

    def list_in(self, groups: GroupList | None) -> None:
        """Write down as well what is watched, should the guard be killed, too."""
        self._list = groups

    def watch(self, group: int) -> None:
        """End the process group `group` should this process die first."""
        self._tell(f"+{group}\n")
        if self._list is not None:
            self._list.added(group)

    def forget(self, group: int) -> None:
        """The group is gone, and its number free for others."""
        self._tell(f"-{group}\n")
        if self._list is not None:
            self._list.removed(group)

    def close(self) -> None:
        """End the program, and with it the groups that are still watched."""
        with self._lock:
            process, self._process = self._process, None
        if process is not None:
            process.communicate()

    def _tell(self, line: str) -> None:
        with self._lock:
            if self._process is None:
                self._process = subprocess.Popen(
                    # By path and isolated: it starts in milliseconds and needs nothing else.
                    [sys.executable, "-I", "-S", __file__],
                    stdin=subprocess.PIPE,
                    start_new_session=True,
                )
            assert self._process.stdin is not None
            with contextlib.suppress(BrokenPipeError):  # killed: work goes on without it
                self._process.stdin.write(line.encode())
                self._process.stdin.flush()


def watch_over(orders: BinaryIO) -> None:
    """Follow orders until they end, then end every group that is still watched."""
    groups: set[int] = set()
    for line in orders:
        sign, number = line[:1], int(line[1:])
        (groups.add if sign == b"+" else groups.discard)(number)
    _signal(groups, signal.SIGTERM)
    # Written out, because this program runs by its path and cannot import `stratos.waiting`.
    deadline = time.monotonic() + GRACE_SECONDS
    while groups and time.monotonic() < deadline:
        time.sleep(0.05)
        groups = {group for group in groups if _exists(group)}
    _signal(groups, signal.SIGKILL)


def _signal(groups: set[int], number: signal.Signals) -> None:
    for group in groups:
        try:
            os.killpg(group, number)
        except (ProcessLookupError, PermissionError):
            continue


def _exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return False  # The number is somebody else's by now.
    return True


GUARD = Guard()
"""Of this process."""
atexit.register(GUARD.close)


if __name__ == "__main__":
    watch_over(sys.stdin.buffer)
