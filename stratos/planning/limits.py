"""The spec's hard constraints over a pool of candidates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from stratos.hosting.monthly import requests_per_month
from stratos.planning.arrays import Floats, Integers, Mask
from stratos.planning.candidates.pool import Pool
from stratos.planning.request import PlanningRequest
from stratos.spec.constraints import LATENCY_PERCENTILES
from stratos.spec.default_budget import is_default
from stratos.statistics.wilson import proportion
from stratos.units import figure, quantity

MEASURED = frozenset(("min_accuracy", *LATENCY_PERCENTILES, "max_usd_per_1000_requests"))
"""Limits that a gate checks before the model is in service; the others are only forecast."""


@dataclass(frozen=True)
class Limit:
    """One constraint: what was asked, and what each candidate reaches.

    Attributes:
        reached: What decides whether a candidate is ruled out: of accuracy the optimistic end.
        forecast: The middle of what is forecast; None where that is `reached`.
        by_default: Nobody asked for it; the stack has it.
    """

    name: str
    asked: float
    reached: Floats
    holds: Mask
    at_least: bool = False
    forecast: Floats | None = None
    by_default: bool = False

    @property
    def expected(self) -> Floats:
        """What each candidate is expected to reach."""
        return self.reached if self.forecast is None else self.forecast

    @property
    def expected_to_hold(self) -> Mask:
        return self.expected >= self.asked if self.at_least else self.expected <= self.asked

    def violation(self) -> Floats:
        """Relative relaxation that each candidate would need; 0 if it meets the constraint."""
        gap = self.asked - self.reached if self.at_least else self.reached - self.asked
        return np.asarray(np.where(self.holds, 0.0, gap / self.asked), dtype=np.float64)

    def at(self, rows: Integers) -> Limit:
        """The same of some candidates."""
        forecast = None if self.forecast is None else self.forecast[rows]
        return replace(self, reached=self.reached[rows], holds=self.holds[rows], forecast=forecast)

    def best(self) -> float:
        return float(self.reached.max() if self.at_least else self.reached.min())


def limits_of(request: PlanningRequest, pool: Pool) -> list[Limit]:
    """The constraints that the spec gives."""
    asked = request.spec.constraints
    limits = []
    if asked.min_accuracy is not None:
        heldout = max(1, request.dataset.num_heldout)
        least = asked.min_accuracy
        reached, expected = _optimistic_bounds(pool, heldout), _expected_bounds(pool, heldout)
        limits.append(
            Limit(
                "min_accuracy", least, reached, reached >= least, at_least=True, forecast=expected
            )
        )
    for name, limit, values in (
        ("max_p95_latency_ms", asked.max_p95_latency_ms, pool.latency_ms),
        # The 99th percentile is at least the 95th, which is the one that is forecast.
        ("max_p99_latency_ms", asked.max_p99_latency_ms, pool.latency_ms),
        # The model must be in service by then: hours spent so far and every start-up count.
        ("max_training_hours", asked.max_training_hours, pool.hours),
        ("max_budget_usd", asked.max_budget_usd, pool.usd_to_deploy),
        ("max_hosting_usd_per_month", asked.max_hosting_usd_per_month, pool.usd_per_month),
        (
            "max_usd_per_1000_requests",
            asked.max_usd_per_1000_requests,
            1000 * pool.usd_per_month / requests_per_month(request.spec.load),
        ),
    ):
        if limit is not None:
            by_default = is_default(request.spec, name)
            limits.append(Limit(name, limit, values, values <= limit, by_default=by_default))
    return limits


def _optimistic_bounds(pool: Pool, num_heldout: int) -> Floats:
    """The gate's Wilson lower bound at the optimistic end of each candidate's forecast.

    A forecast is not a measurement: only a plan whose optimistic end misses the gate is ruled out.
    """
    keys, inverse = np.unique(
        np.column_stack([pool.pairing, pool.trained_share]), axis=0, return_inverse=True
    )
    bounds = [
        gate(pool.pairings[int(number)].best_accuracy(float(share)), num_heldout)
        for number, share in keys
    ]
    return np.array(bounds, dtype=np.float64)[inverse.ravel()]


def _expected_bounds(pool: Pool, num_heldout: int) -> Floats:
    """The gate's Wilson lower bound at the middle of each candidate's forecast."""
    errors, inverse = np.unique(pool.error, return_inverse=True)
    bounds = [gate(1.0 - float(error), num_heldout) for error in errors]
    return np.array(bounds, dtype=np.float64)[inverse.ravel()]


def gate(accuracy: float, num_heldout: int) -> float:
    """What the gate would see if a student scored this."""
    return proportion(round(accuracy * num_heldout), num_heldout).lo


def expected_to_hold(limits: Sequence[Limit], size: int) -> Mask:
    """Candidates that are expected to meet every constraint, not only at best."""
    mask = np.ones(size, dtype=np.bool_)
    for limit in limits:
        mask &= limit.expected_to_hold
    return mask


def misses(limits: Sequence[Limit], pool: Pool, row: int) -> tuple[str, ...]:
    """The constraints that a candidate is expected to miss, each with its figures."""
    return tuple(
        _miss(limit, pool, row) for limit in limits if not bool(limit.expected_to_hold[row])
    )


def _miss(limit: Limit, pool: Pool, row: int) -> str:
    expected = float(limit.expected[row])
    if limit.name != "min_accuracy":
        found, asked = (quantity(limit.name, value) for value in (expected, limit.asked))
        return f"{limit.name}: {found} is forecast, {asked} was asked"
    forecast = 1 - float(pool.error[row])
    return (
        f"min_accuracy: {forecast:.2f} is forecast, of which the gate would count {expected:.2f}; "
        f"{figure(limit.asked)} was asked"
    )


def feasible(limits: Sequence[Limit], size: int) -> Mask:
    """Candidates that meet every constraint."""
    mask = np.ones(size, dtype=np.bool_)
    for limit in limits:
        mask &= limit.holds
    return mask
