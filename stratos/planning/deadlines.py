"""How long each job may run and what it may spend, of what the spec still allows.

A job ends itself with its best result at its deadline, so a run keeps `max_training_hours` however
wrong the planner's prediction was. The shares are a choice: training gets half.
"""

from __future__ import annotations

import math

from stratos.contracts.jobs import JobStep
from stratos.contracts.time_limit import TimeLimit
from stratos.spec import Constraints

TIME_SHARES: dict[JobStep, float] = {
    "inspect": 0.5,
    "probe": 0.15,
    "synthesize": 0.35,
    "distill": 0.5,
    "evaluate": 0.15,
}
"""Of the time left when the job is planned. An inspection, which few datasets need, is planned
first, then probes, then the others together."""

REINFORCEMENT_SHARE = 0.4
"""Of the training job's time, kept for reinforcement if the spec asks for it."""

MONEY_SHARES: dict[JobStep, float] = {
    "inspect": 0.0,
    "probe": 0.1,
    "synthesize": 0.7,
    "distill": 0.0,
    "evaluate": 0.1,
}
"""Of the money left, for the teacher's tokens; the rest pays for servers."""

DEFAULT_HOURS = 24.0
"""For a spec without `max_training_hours`."""
MIN_SECONDS = 60.0


def deadline_seconds(
    job: JobStep, constraints: Constraints, spent_hours: float, start_seconds: float
) -> float:
    """Seconds after which a job's program must end.

    Args:
        start_seconds: From the request until the program works, which are of the job's share.
    """
    hours = constraints.max_training_hours or DEFAULT_HOURS
    return max(MIN_SECONDS, TIME_SHARES[job] * (hours - spent_hours) * 3600 - start_seconds)


def hours_for(job: JobStep, seconds: float, limit: TimeLimit) -> float:
    """The `max_training_hours` that would give a job's program so many seconds, rounded up."""
    left = (seconds + limit.start_seconds) / TIME_SHARES[job] / 3600
    return rounded_up(limit.spent_hours + left)


def rounded_up(hours: float) -> float:
    """To two digits, so that who asks for them has enough."""
    if hours <= 0:
        return 0.0
    step = 10.0 ** (math.floor(math.log10(hours)) - 1)
    return round(math.ceil(round(hours / step, 6)) * step, 6)


def token_budget_usd(
    job: JobStep, constraints: Constraints, spent_usd: float, *, num_jobs: int = 1
) -> float | None:
    """Dollars that one of `num_jobs` such jobs may spend on teacher tokens; None means no limit."""
    if constraints.max_budget_usd is None:
        return None
    return max(0.0, constraints.max_budget_usd - spent_usd) * MONEY_SHARES[job] / num_jobs
