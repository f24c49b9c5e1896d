"""The time of a training job: what is kept free, whether its steps fit, and what they need."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from stratos.contracts.distillation import CONTENDED_CPU_SHARE, Reinforced
from stratos.contracts.jobs import DistillConfig
from stratos.contracts.time_limit import ask_for
from stratos.planning.deadlines import REINFORCEMENT_SHARE, hours_for
from training.container.clock import JobClock
from training.learning.trainer import TrainingOutcome

_EXPORT_SHARE = 0.05
_LEAST_EXPORT_SECONDS = 5.0
_MOST_EXPORT_SECONDS = 120.0
_MARGIN = 1.1
"""What is asked for, over what the measured pace needs."""
_LEAST_STEPS = 2
_LEAST_SECONDS = 1.0
_ENOUGH_STEPS = 20
"""After so many steps their pace is known, however short they are."""
_SEVERALFOLD = 4.0
"""A first step that misses by so much is judged alone: it also warms up, but not for that long."""
_BETWEEN_SECONDS = 1.0
"""Between two looks at the pace, so that short steps do not pay for it."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingTime:
    """The shares of one job's deadline.

    Attributes:
        files_seconds: To write llama.cpp's files and the base of an adapter.
    """

    config: DistillConfig
    files_seconds: float

    @property
    def reserve_seconds(self) -> float:
        """Kept for the export, at most half of the deadline.

        For the weights a twentieth of the deadline, within 5 and 120 seconds; for an adapter's base
        and llama.cpp's files by their size.
        """
        deadline = self.config.deadline_seconds
        weights = min(_MOST_EXPORT_SECONDS, max(_LEAST_EXPORT_SECONDS, _EXPORT_SHARE * deadline))
        return min(weights + self.files_seconds, 0.5 * deadline)

    @property
    def reinforcement_seconds(self) -> float:
        """Left by learning from the records to what follows it."""
        return self._reinforcement_share * self.config.deadline_seconds

    def needed_hours(self, seconds: float, *, records_only: bool = True) -> float:
        """The `max_training_hours` with which training would have so many seconds.

        Args:
            seconds: From the job's start to the end of its steps.
            records_only: They are those of the records, beside which reinforcement keeps its share.
        """
        worked = _MARGIN * seconds + self.files_seconds
        others = self._reinforcement_share if records_only else 0.0
        shortest = (worked + _LEAST_EXPORT_SECONDS) / (1 - others)
        longest = (worked + _MOST_EXPORT_SECONDS) / (1 - others)
        deadline = max(shortest, min(worked / (1 - others - _EXPORT_SHARE), longest))
        return hours_for("distill", deadline, self.config.time_limit)

    def for_all_steps(
        self, seconds_before: float, outcome: TrainingOutcome, planned_steps: int
    ) -> float | None:
        """The hours that learning the records would have needed; None if it had them."""
        state = outcome.state
        if outcome.stopped_by != "deadline" or state.step == 0:
            return None
        return self.needed_hours(seconds_before + state.seconds / state.step * planned_steps)

    def for_reinforcement(self, seconds_before: float, how: Reinforced) -> float | None:
        """The hours that reinforcement would have needed; None if it had them."""
        if how.stopped_by != "deadline" or how.steps == 0:
            return None
        seconds = seconds_before + how.seconds / how.steps * how.planned_steps
        return self.needed_hours(seconds, records_only=False)

    @property
    def _reinforcement_share(self) -> float:
        return REINFORCEMENT_SHARE if self.config.training.reinforcement.steps > 0 else 0.0


class TimeCheck:
    """Says from the pace of the very first steps on whether the planned ones will be done.

    Steps are measured as they are, with optimizer, validation and checkpoints.
    """

    def __init__(
        self,
        planned_steps: int,
        times: TrainingTime,
        clock: JobClock,
        cpu_share: Callable[[], float | None] = lambda: None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Set up.

        Args:
            cpu_share: Of the CPU time asked for so far, what was got.
        """
        self._planned, self._times, self._clock = planned_steps, times, clock
        self._cpu_share, self._now = cpu_share, now
        self._first: tuple[int, float] | None = None
        self._looked = float("-inf")
        self._verdict: str | None = None

    def after(
        self, step: int, tokens_per_second: float, mean_step_seconds: float = 0.0
    ) -> str | None:
        """What is to be said after a step: where the deadline will cut, and what would do.

        Args:
            step: Steps done, those of earlier attempts included.
            mean_step_seconds: Of all of them.
        """
        now = self._now()
        if self._first is None:
            self._first = step, now
            slow = mean_step_seconds >= _LEAST_SECONDS
            if slow and self._judge(step, mean_step_seconds / _SEVERALFOLD, tokens_per_second):
                self._say(self._judge(step, mean_step_seconds, tokens_per_second))
            return self._verdict
        if now - self._looked < _BETWEEN_SECONDS:
            return self._verdict
        done, passed = step - self._first[0], now - self._first[1]
        if done >= _ENOUGH_STEPS or (done >= _LEAST_STEPS and passed >= _LEAST_SECONDS):
            self._looked = now
            self._say(self._judge(step, passed / done, tokens_per_second))
        return self._verdict

    def _say(self, verdict: str | None) -> None:
        """Keep what is to be said; it is logged when it was not said before."""
        if verdict is not None and self._verdict is None:
            _log.warning("%s", verdict)
        self._verdict = verdict

    def _judge(self, step: int, step_seconds: float, tokens_per_second: float) -> str | None:
        kept = self._times.reserve_seconds + self._times.reinforcement_seconds
        reached = step + int(max(0.0, self._clock.seconds_left - kept) / max(step_seconds, 1e-9))
        if reached >= self._planned:
            return None
        seconds = self._clock.seconds + (self._planned - step) * step_seconds
        limit, share = self._times.config.time_limit, self._cpu_share()
        forecast = self._times.config.forecast_tokens_per_second
        pace = f"{tokens_per_second:,.0f} tokens/s"
        if forecast is not None:
            pace += f" where {forecast:,.0f} were forecast"
        if share is not None and share < CONTENDED_CPU_SHARE:
            pace += f" (other programs take {1 - share:.0%} of the CPU)"
        return (
            f"{pace}: step {reached:,} of {self._planned:,} will be reached by {limit.told}"
            f"{ask_for(self._times.needed_hours(seconds))}"
        )
