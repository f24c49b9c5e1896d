"""Shares with their 95% Wilson score interval (Wilson 1927)."""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt

from stratos.contracts.jobs import Proportion

_Z = 1.959963984540054
"""The 97.5% quantile of the standard normal distribution."""


def proportion(successes: int, n: int) -> Proportion:
    """Return the share of successes with its interval; of nothing, the whole range 0 to 1.

    Raises:
        ValueError: when `successes` is not between 0 and `n`.
    """
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} successes of {n}; expected 0 <= successes <= n")
    if n == 0:
        return Proportion(value=0.0, lo=0.0, hi=1.0, n=0, successes=0)
    share = successes / n
    shrink = 1 + _Z**2 / n
    centre = (share + _Z**2 / (2 * n)) / shrink
    half = _Z * sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2)) / shrink
    # At 0 and n the bound is exactly 0 or 1; rounding must not leave it a hair inside.
    lo = 0.0 if successes == 0 else max(0.0, centre - half)
    hi = 1.0 if successes == n else min(1.0, centre + half)
    return Proportion(value=share, lo=lo, hi=hi, n=n, successes=successes)


def proportion_of(outcomes: Iterable[bool]) -> Proportion:
    """Return the share of true outcomes with its interval."""
    known = list(outcomes)
    return proportion(sum(known), len(known))
