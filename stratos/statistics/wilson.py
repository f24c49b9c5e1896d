"""Shares with their 95% Wilson score interval (Wilson 1927)."""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt

from stratos.frozen import FrozenModel
from stratos.statistics.normal import Z_95


def proportion(successes: int, n: int) -> Proportion:
    """Return the share of successes with its interval; for n = 0, the whole range 0 to 1.

    Raises:
        ValueError: when `successes` is not between 0 and `n`.
    """
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} successes of {n}; expected 0 <= successes <= n")
    if n == 0:
        return Proportion(value=0.0, lo=0.0, hi=1.0, n=0, successes=0)
    share = successes / n
    shrink = 1 + Z_95**2 / n
    centre = (share + Z_95**2 / (2 * n)) / shrink
    half = Z_95 * sqrt(share * (1 - share) / n + Z_95**2 / (4 * n**2)) / shrink
    # At 0 and n the bound is exactly 0 or 1; rounding must not leave it a hair inside.
    lo = 0.0 if successes == 0 else max(0.0, centre - half)
    hi = 1.0 if successes == n else min(1.0, centre + half)
    return Proportion(value=share, lo=lo, hi=hi, n=n, successes=successes)


def proportion_of(outcomes: Iterable[bool]) -> Proportion:
    """Return the share of true outcomes with its interval."""
    known = list(outcomes)
    return proportion(sum(known), len(known))


class Proportion(FrozenModel):
    """A share of successes with its 95% Wilson interval."""

    value: float
    lo: float
    hi: float
    n: int
    successes: int
