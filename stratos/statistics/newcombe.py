"""The difference of two shares with its 95% interval (Newcombe 1998, method 10)."""

from __future__ import annotations

from math import sqrt

from stratos.frozen import FrozenModel
from stratos.statistics.wilson import Proportion


class Difference(FrozenModel):
    """How far one share is above another."""

    value: float
    lo: float
    hi: float


def difference(first: Proportion, second: Proportion) -> Difference:
    """Return `first - second`, as of independent samples.

    Of the same questions the interval is wider than it need be: what is significant here is so all
    the more.
    """
    value = first.value - second.value
    below = sqrt((first.value - first.lo) ** 2 + (second.hi - second.value) ** 2)
    above = sqrt((first.hi - first.value) ** 2 + (second.value - second.lo) ** 2)
    return Difference(value=value, lo=value - below, hi=value + above)
