"""What a job says about itself while it runs."""

from __future__ import annotations

import logging
import threading
from types import TracebackType
from typing import Protocol

from stratos.contracts.jobs import JobStep, Progress
from training.container.clock import JobClock
from training.container.storage import ObjectStore

_INTERVAL_SECONDS = 2.0
_log = logging.getLogger(__name__)


class Spending(Protocol):
    """Anything that costs money while the job runs, such as the calls to a model."""

    @property
    def usd(self) -> float:
        """Spent so far."""
        ...

    @property
    def under_way(self) -> int:
        """Tokens written for calls that are not answered yet."""
        ...


class ProgressReporter:
    """Uploads the latest progress every two seconds, from a thread, when it has changed.

    An upload that fails is logged and never stops the job.
    """

    def __init__(
        self, step: JobStep, uri: str, storage: ObjectStore, clock: JobClock, spent_usd: float = 0.0
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
            usd=self._spent_usd + sum(spending.usd for spending in self._spendings),
        )

    def _run(self) -> None:
        while not self._ended.wait(_INTERVAL_SECONDS):
            self._upload()
        self._upload()

    def _upload(self) -> None:
        latest = self._latest
        if latest is not None:
            latest = self._going_on(latest)
        if latest is None or latest == self._uploaded:
            return
        try:
            self._storage.put(self._uri, latest)
        except Exception:
            _log.warning("could not upload progress to %s", self._uri, exc_info=True)
        self._uploaded = latest

    def _going_on(self, latest: Progress) -> Progress:
        """Say that a batch goes on: its answers come together, on a slow machine after minutes."""
        under_way = sum(spending.under_way for spending in self._spendings)
        if not under_way:
            return latest
        label = f"{latest.label}, {under_way:,} tokens into a batch"
        return latest.model_copy(update={"label": label, "seconds": self._clock.seconds})
