"""The end of a training that its deadline will cut: the learning rate goes down to zero, too.

A rate that is high until the cut leaves weights far from where a whole schedule would have ended.
With the last fifth of the steps for a linear way down, a training at a constant rate ends as well
as one with a schedule of its own (arXiv 2405.18392). How many steps a fifth of the time has is
measured, so that nothing must be known before.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isinf

SHARE = 0.2
"""Of the time of this attempt, for the way down."""
_CAUTION = 0.95
"""Of the steps that would fit, so that the last ones are done before the deadline."""
_MANY = 1e12
"""Steps where nothing ends a training."""


@dataclass(frozen=True)
class CoolDown:
    """The steps over which the rate goes down: from one, at the rate it has there, to another."""

    begin: int
    end: int

    def factor(self, step: int) -> float:
        """What is left at a step of the rate at the beginning; 1 at it."""
        return max(0.0, (self.end - step) / (self.end - self.begin))


def steps_left(done: int, seconds: float, seconds_left: float) -> int | None:
    """How many steps the way down has; None while it is too early for it.

    Args:
        done: Steps of this attempt, which took `seconds`.
        seconds_left: Until training must end; infinite where nothing ends it.
    """
    if done == 0 or isinf(seconds_left) or seconds_left > SHARE * (seconds + seconds_left):
        return None
    return fitting_steps(done, seconds, seconds_left)


def fitting_steps(done: int, seconds: float, seconds_left: float) -> int:
    """How many more steps a time has at the pace of those done; at least one."""
    return max(1, int(min(_MANY, _CAUTION * seconds_left * done / max(seconds, 1e-9))))
