"""What each step of a run takes until an endpoint can be created, on every training server."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from stratos.contracts.plan import PlannedStep
from stratos.planning.arrays import Floats


@dataclass(frozen=True)
class JobTiming:
    """Seconds of one job: what it needs, and what its deadline allows."""

    needed: Floats
    limit: Floats | float

    @property
    def share(self) -> Floats:
        """Of the work that gets done in time."""
        return np.asarray(np.minimum(1.0, self.limit / np.maximum(self.needed, 1e-9)))

    @property
    def seconds(self) -> Floats:
        return np.asarray(np.minimum(self.needed, self.limit), dtype=np.float64)


@dataclass(frozen=True)
class StepEffort:
    """One step on each server.

    Attributes:
        seconds: From its beginning to its end, waiting and copies included.
        usd: Of servers, of tokens, and of what is copied.
    """

    seconds: Floats
    usd: Floats

    def later(self, seconds: float) -> StepEffort:
        """The same after so long a wait that costs nothing."""
        return StepEffort(self.seconds + seconds, self.usd)


@dataclass(frozen=True)
class Effort:
    """The steps, in their order. Before probing `probe` is still to come; afterwards it is 0."""

    probe: StepEffort
    synthesize: StepEffort
    distill: StepEffort
    evaluate: StepEffort

    @property
    def hours(self) -> Floats:
        """Of all steps together."""
        return np.asarray(sum(step.seconds for step in self._steps) / 3600, dtype=np.float64)

    @property
    def usd(self) -> Floats:
        """Of all steps together."""
        return np.asarray(sum(step.usd for step in self._steps), dtype=np.float64)

    @property
    def columns(self) -> list[Floats]:
        """Hours and dollars of each step, as `planned_steps` reads them."""
        pairs = ((step.seconds / 3600, step.usd) for step in self._steps)
        return [np.asarray(column, dtype=np.float64) for pair in pairs for column in pair]

    @property
    def _steps(self) -> list[StepEffort]:
        return [getattr(self, name) for name in STEPS]


STEPS = tuple(field.name for field in fields(Effort))
NUM_COLUMNS = 2 * len(STEPS)
"""Of `Effort.columns`."""


def planned_steps(columns: Floats, deploy_hours: float) -> tuple[PlannedStep, ...]:
    """The steps of one candidate, by its row of `Effort.columns`; a probe that is over is none.

    Args:
        deploy_hours: From the last job to an endpoint that answers; it is not billed as a job.
    """
    pairs = columns.reshape(len(STEPS), 2)
    steps = [
        PlannedStep.model_validate({"step": name, "hours": hours, "usd": usd})
        for name, (hours, usd) in zip(STEPS, pairs.tolist(), strict=True)
        if hours > 0
    ]
    return (*steps, PlannedStep(step="deploy", hours=max(0.0, deploy_hours), usd=0.0))
