"""The processes that a cloud has started, on disk, for when it is killed together with its guard.

A line is `+` or `-` and the identity of a process that leads a group. They are ended by whoever
starts or stops the cloud next.
"""

from __future__ import annotations

import logging
import os
import signal
from pathlib import Path
from threading import Lock

from infra.local.host.guard import GRACE_SECONDS
from infra.local.host.identity import ProcessIdentity
from stratos.waiting import every, wait_until, within

log = logging.getLogger(__name__)

_POLL_SECONDS = 0.05


class ProcessList:
    """The list of one state directory."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()
        self._known: dict[int, ProcessIdentity] = {}

    def begin(self) -> None:
        """Start an empty list."""
        self._path.write_text("")

    def added(self, pid: int) -> None:
        if (identity := ProcessIdentity.of(pid)) is not None:
            self._known[pid] = identity
            self._write(f"+{identity}")

    def removed(self, pid: int) -> None:
        if (identity := self._known.pop(pid, None)) is not None:
            self._write(f"-{identity}")

    def left(self) -> list[ProcessIdentity]:
        """Those that are still there. Whoever has one of their numbers by now is none of them."""
        listed: dict[ProcessIdentity, None] = {}
        try:
            lines = self._path.read_text(errors="replace").splitlines()
        except FileNotFoundError:
            return []
        for line in lines:
            identity = ProcessIdentity.read(line[1:])
            if identity is None:
                continue
            if line.startswith("+"):
                listed[identity] = None
            else:
                listed.pop(identity, None)
        return [identity for identity in listed if identity.is_alive()]

    def end(self) -> int:
        """End what is left, with the groups that it leads. Returns how many there were."""
        left = self.left()
        _signal_groups(left, signal.SIGTERM)
        wait_until(
            lambda: not any(one.is_alive() for one in left),
            deadline=within(GRACE_SECONDS),
            pauses=every(_POLL_SECONDS),
        )
        # Also groups whose leader has obeyed: their numbers are not given again so soon.
        _signal_groups(left, signal.SIGKILL)
        return len(left)

    def _write(self, line: str) -> None:
        try:
            with self._lock, self._path.open("a") as file:
                # The line's end comes first as well: one that is cut does not spoil the next.
                file.write(f"\n{line}\n")
        except OSError as error:
            log.debug("%s: %s", self._path, error)  # the guard knows of it all the same


def _signal_groups(leaders: list[ProcessIdentity], number: signal.Signals) -> None:
    for leader in leaders:
        try:
            os.killpg(leader.pid, number)
        except (ProcessLookupError, PermissionError):
            continue
