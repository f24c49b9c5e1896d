"""How long the job has run, and whether it must end."""

from __future__ import annotations

import signal
import time
from types import FrameType
from typing import Literal

Interruption = Literal["deadline", "sigterm"]


class JobClock:
    """Counts from the job's start; knows its deadline and whether SIGTERM came.

    SageMaker sends SIGTERM 120 seconds before it kills a job that is stopped or interrupted.
    """

    def __init__(self, deadline_seconds: float) -> None:
        self._start = time.monotonic()
        self.deadline_seconds = deadline_seconds
        self._terminated = False

    @property
    def seconds(self) -> float:
        """Since the job's start."""
        return time.monotonic() - self._start

    @property
    def seconds_left(self) -> float:
        """Until the deadline; negative after it."""
        return self.deadline_seconds - self.seconds

    def end_on_sigterm(self) -> None:
        """From now on, treat SIGTERM as a request to end with what there is."""
        signal.signal(signal.SIGTERM, self._terminate)

    def must_end(self, reserve_seconds: float = 0.0) -> Interruption | None:
        """Say why the job must end now, if it must.

        Args:
            reserve_seconds: Time that the work after ending needs, such as the export.
        """
        if self._terminated:
            return "sigterm"
        return "deadline" if self.seconds_left <= reserve_seconds else None

    def _terminate(self, _signal: int, _frame: FrameType | None) -> None:
        self._terminated = True
