"""What a training measures, handed to trackers from threads of their own.

A tracker that is down neither fails nor slows a job: its points wait, up to a limit, and are tried
again after ever longer pauses; the log says so once.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Protocol

Status = Literal["finished", "failed"]
_INTERVAL_SECONDS = 10.0
_LONGEST_PAUSE_SECONDS = 300.0
_PATIENCE_SECONDS = 20.0
"""At the end of training, for what is still to be delivered."""
_MOST_WAITING = 20_000
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingPoint:
    """Figures of one step."""

    step: int
    at: float
    """Seconds since 1970."""
    figures: Mapping[str, float]


class Tracker(Protocol):
    """Whatever keeps points. Its methods are called from one thread, and may raise anything."""

    @property
    def name(self) -> str:
        """For the log, such as `MLflow at https://…`."""
        ...

    def keep(self, points: Sequence[TrainingPoint]) -> None:
        """Keep points, the oldest first; after an error, it is given them again."""
        ...

    def end(self, status: Status) -> None:
        """The training is over."""
        ...


class Feed:
    """Points on their way to one tracker."""

    def __init__(self, tracker: Tracker, interval_seconds: float = _INTERVAL_SECONDS) -> None:
        self._tracker, self._interval = tracker, interval_seconds
        self._pause = interval_seconds
        self._waiting: list[TrainingPoint] = []
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._status: Status = "finished"
        self._told = False
        self._thread = threading.Thread(target=self._run, name="tracker", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def put(self, point: TrainingPoint) -> None:
        """Take note of a point; cheap enough for every step."""
        with self._lock:
            self._waiting.append(point)
            del self._waiting[:-_MOST_WAITING]

    def end(self, status: Status, patience_seconds: float) -> None:
        """Deliver what is left, unless that takes too long."""
        self._status = status
        self._ended.set()
        self._thread.join(patience_seconds)
        if self._thread.is_alive():
            _log.warning(
                "%s did not take its last points within %.0f s; the job goes on without",
                self._tracker.name,
                patience_seconds,
            )

    def deliver(self) -> None:
        """Hand over what waits; after an error it waits on, and the next pause is longer."""
        with self._lock:
            points, self._waiting = self._waiting, []
        try:
            if points:
                self._tracker.keep(points)
            self._pause = self._interval
        except Exception as error:
            with self._lock:
                self._waiting = [*points, *self._waiting][-_MOST_WAITING:]
            self._pause = min(2 * self._pause, _LONGEST_PAUSE_SECONDS)
            self._tell(error)

    @property
    def pause_seconds(self) -> float:
        """Until the next delivery."""
        return self._pause

    def _run(self) -> None:
        while not self._ended.wait(self._pause):
            self.deliver()
        self.deliver()
        try:
            self._tracker.end(self._status)
        except Exception as error:
            self._tell(error)

    def _tell(self, error: Exception) -> None:
        if self._told:
            return
        self._told = True
        _log.warning(
            "%s cannot be told of the training, which goes on; it is tried again: %s: %s",
            self._tracker.name,
            type(error).__name__,
            error,
        )


class Tracking:
    """All trackers of a training, from its begin to its end."""

    def __init__(
        self,
        trackers: Sequence[Tracker],
        now: Callable[[], float] = time.time,
        patience_seconds: float = _PATIENCE_SECONDS,
    ) -> None:
        self._feeds = [Feed(tracker) for tracker in trackers]
        self._now, self._patience = now, patience_seconds

    def __enter__(self) -> Tracking:
        for feed in self._feeds:
            feed.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        deadline = time.monotonic() + self._patience
        for feed in self._feeds:
            left = max(0.0, deadline - time.monotonic())
            feed.end("finished" if kind is None else "failed", left)

    def note(self, step: int, **figures: float) -> None:
        """Figures of one step, for every tracker."""
        point = TrainingPoint(step, self._now(), figures)
        for feed in self._feeds:
            feed.put(point)
