"""The time by which schedules fire: the machine's, or one that runs faster."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class SchedulerClock(Protocol):
    """A source of time that can be waited on."""

    def now(self) -> datetime:
        """The time, in UTC."""
        ...

    def wait(self, stop: threading.Event, until: datetime, at_most_seconds: float) -> bool:
        """Wait for a time, but no longer than some real seconds; True once `stop` is set."""
        ...


class ScaledClock:
    """Starts at the real time and runs `scale` times as fast."""

    def __init__(self, scale: float = 1.0) -> None:
        self._scale = scale
        self._origin = datetime.now(UTC)
        self._started = time.monotonic()

    def now(self) -> datetime:
        elapsed = (time.monotonic() - self._started) * self._scale
        return self._origin + timedelta(seconds=elapsed)

    def wait(self, stop: threading.Event, until: datetime, at_most_seconds: float) -> bool:
        seconds = (until - self.now()).total_seconds() / self._scale
        return stop.wait(min(max(seconds, 0.0), at_most_seconds))
