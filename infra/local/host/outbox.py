"""What the embedded cloud has promised to do and has not done yet.

An event that S3 has acknowledged must reach its targets, and an invocation that Lambda has taken
must be made, also if this process is killed in between. Such errands are put here first. Whoever
keeps the cloud's state writes them down before the promise is given, and strikes them off once
they are done; what is left is taken up again by the next start.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

log = logging.getLogger(__name__)

Line = dict[str, Any]


@dataclass(frozen=True)
class Errand:
    """One thing to do, told by what JSON can hold."""

    kind: str
    content: dict[str, Any]
    id: str = field(default_factory=lambda: uuid.uuid4().hex)

    def as_json(self) -> dict[str, Any]:
        # Not `asdict`, which copies an event's own data level by level, however deep it is.
        return {"kind": self.kind, "content": self.content, "id": self.id}


class Outbox:
    """Errands that are open, of every seam. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[str, Errand] = {}
        self._carriers: dict[str, Callable[[Errand], object]] = {}
        self._left: set[str] = set()
        self._write: Callable[[Line], None] = _nowhere
        self._held: ContextVar[list[Errand] | None] = ContextVar("held", default=None)

    def carries(self, kind: str, carry: Callable[[Errand], object]) -> None:
        """From now on `carry` gets the errands of a kind, those that wait for it first.

        It is not to wait itself, and calls `strike` once an errand is done.
        """
        with self._lock:
            self._carriers[kind] = carry
            self._left.discard(kind)
            waiting = [errand for errand in self._open.values() if errand.kind == kind]
        for errand in waiting:
            carry(errand)

    def leave(self, kind: str) -> None:
        """Nobody carries a kind any more. What is open of it stays where it was written down, and
        what is put from now on is written down only: the next start does it."""
        with self._lock:
            self._carriers.pop(kind, None)
            self._left.add(kind)
            for errand in [one for one in self._open.values() if one.kind == kind]:
                del self._open[errand.id]

    def kept_by(self, write: Callable[[Line], None] | None) -> None:
        """Lines for what is put and what is struck off go to `write`; None for nowhere."""
        self._write = write or _nowhere

    def put(self, kind: str, content: dict[str, Any]) -> None:
        """Write an errand down and have it carried out; within `holding`, wait for `release`."""
        errand = Errand(kind, content)
        held = self._held.get()
        if held is not None:
            held.append(errand)
            return
        try:
            self.release([errand], self._write)
        except OSError as error:
            # Nobody is there to be refused, and done once is better than not at all.
            log.warning("an errand (%s) is carried out without being kept: %s", kind, error)
            self.take_up(errand)

    @contextmanager
    def holding(self) -> Iterator[list[Errand]]:
        """Collect what this thread puts, until it is known whether its request is kept."""
        held: list[Errand] = []
        token = self._held.set(held)
        try:
            yield held
        finally:
            self._held.reset(token)

    def release(self, errands: Iterable[Errand], write: Callable[[Line], None]) -> None:
        """Write errands down, then have them carried out.

        Raises:
            OSError: One cannot be written down; it and those after it are not carried out.
        """
        for errand in errands:
            # Open first: a save that begins in between has it, or else the line comes after it.
            with self._lock:
                self._open[errand.id] = errand
            try:
                write({"errand": errand.as_json()})
            except Exception:  # also of what JSON cannot hold: no later save could
                with self._lock:
                    self._open.pop(errand.id, None)
                raise
            self.take_up(errand)

    def take_up(self, errand: Errand) -> None:
        """Have an errand carried out that is written down already."""
        with self._lock:
            self._open[errand.id] = errand
            carry = self._carriers.get(errand.kind)
            if errand.kind in self._left:
                del self._open[errand.id]
        if carry is not None:
            carry(errand)

    def strike(self, errand: Errand) -> None:
        """An errand is done, or given up for good."""
        with self._lock:
            if self._open.pop(errand.id, None) is None:
                return
        try:
            self._write({"done": errand.id})
        except OSError as error:
            log.warning("an errand (%s) may be done again: %s", errand.kind, error)

    def open(self) -> list[Errand]:
        """Oldest first."""
        with self._lock:
            return list(self._open.values())


def _nowhere(_: Line) -> None:
    pass


OUTBOX = Outbox()
"""Of this process."""
