"""What a job says about itself while it runs."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol

from stratos.contracts.jobs import JobStep, Progress
from training.container.clock import JobClock
from training.container.storage import ObjectStore

_INTERVAL_SECONDS = 2.0
QUIET_SECONDS = 8.0
"""Without news, after which the job says that it is still at it, and again each time."""
_log = logging.getLogger(__name__)


class Spending(Protocol):
    """Anything that costs money while the job runs, such as the calls to a model."""

    @property
    def usd(self) -> float:
        """Spent so far."""
        ...


class ProgressReporter:
    """Uploads the latest progress every two seconds, from a thread, when it has changed.

    Where it has not for a while, it says for how long. An upload that fails is logged and never
    stops the job.
    """

    def __init__(
        self,
        step: JobStep,
        uri: str,
        storage: ObjectStore,
        clock: JobClock,
        spent_usd: float = 0.0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Set up.

        Args:
            spent_usd: What earlier attempts of the job paid.
        """
        self._step, self._uri, self._storage, self._clock = step, uri, storage, clock
        self._spent_usd = spent_usd
        self._spendings: list[Spending] = []
        self._latest: Progress | None = None
        self._uploaded: Progress | None = None
        self._now, self._news_at, self._told_at = now, 0.0, 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)

    def __enter__(self) -> ProgressReporter:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()

    def charge(self, spending: Spending) -> None:
        """Count this in every later report: a job that is killed leaves no other account."""
        self._spendings.append(spending)

    def doing(self, what: str) -> None:
        """Take note of what the job is at where there is nothing to count."""
        _log.info("%s", what)
        self.report(what, 0, 0, "")

    def report(
        self,
        label: str,
        done: float,
        total: float,
        unit: str,
        *,
        tokens_per_second: float | None = None,
        loss: float | None = None,
        seconds_left: float | None = None,
        note: str | None = None,
    ) -> None:
        """Take note of where the job stands; cheap enough for every step."""
        self._latest = Progress(
            step=self._step,
            label=label,
            done=done,
            total=total,
            unit=unit,
            seconds=self._clock.seconds,
            tokens_per_second=tokens_per_second,
            loss=loss,
            seconds_left=seconds_left,
            note=note,
            usd=self._usd,
        )

    def tell(self) -> None:
        """Upload what is new since the last time, or, after a while, that nothing is."""
        latest, now = self._latest, self._now()
        if latest is None:
            return
        if latest is not self._uploaded:
            self._uploaded, self._news_at = latest, now
        elif now - self._told_at >= QUIET_SECONDS:
            quiet = now - self._news_at
            _log.info("still at it after %.0f s: %s", quiet, latest.label)
            latest = latest.model_copy(
                update={
                    "quiet_seconds": quiet,
                    "seconds": self._clock.seconds,
                    "usd": self._usd,
                }
            )
        else:
            return
        self._told_at = now
        try:
            self._storage.put(self._uri, latest)
        except Exception:
            _log.warning("could not upload progress to %s", self._uri, exc_info=True)

    @property
    def _usd(self) -> float:
        return self._spent_usd + sum(spending.usd for spending in self._spendings)

    def _run(self) -> None:
        while not self._ended.wait(_INTERVAL_SECONDS):
            self.tell()
        self.tell()
