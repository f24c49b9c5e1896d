"""Gates: measurements checked against the spec, with the reason in words."""

from __future__ import annotations

import math
from dataclasses import dataclass

from stratos.contracts.jobs import EvaluateResult
from stratos.contracts.measurements import LoadResult, Percentile
from stratos.contracts.plan import Interval
from stratos.frozen import FrozenModel
from stratos.hosting.guardrails import MAX_FAILED_SHARE
from stratos.hosting.next_server import COST_CONSTRAINT
from stratos.measuring.load import requests_needed
from stratos.spec import Constraints
from stratos.spec.constraints import LATENCY_PERCENTILES
from stratos.statistics.mcnemar import Comparison

SIGNIFICANCE = 0.05


class Verdict(FrozenModel):
    passed: bool
    reason: str
    missed: tuple[str, ...] = ()
    """Constraints, or `requests_per_second`, or `failed_requests`."""


@dataclass(frozen=True)
class Outlay:
    """Money and time that a run, or a part of it, has spent."""

    usd: float
    hours: float

    def __add__(self, other: Outlay) -> Outlay:
        return Outlay(self.usd + other.usd, self.hours + other.hours)

    def __sub__(self, other: Outlay) -> Outlay:
        return Outlay(self.usd - other.usd, self.hours - other.hours)


LATENCIES = {name: (q, f"p{100 * q:.0f}_ms") for name, q in LATENCY_PERCENTILES.items()}
"""Constraint → percentile, and the field of the load that it limits."""


def judge_quality(result: EvaluateResult, constraints: Constraints) -> Verdict:
    """Check held-out accuracy against the spec.

    The lower end of the student's interval must reach `min_accuracy`; the student must beat the
    untuned student and must not be worse than the model in service, both by McNemar's exact test.
    """
    student, untuned = result.student, result.untuned_student
    scored = f"held-out accuracy {student.value:.3f} [{student.lo:.3f}, {student.hi:.3f}]"
    asked = constraints.min_accuracy
    if asked is not None and student.lo < asked:
        return Verdict(
            passed=False,
            reason=f"{scored} on {student.n} records: the lower end misses min_accuracy {asked:g}",
        )
    against_untuned = _comparison(result, "untuned_student")
    if not _better(against_untuned, student.value > untuned.value):
        return Verdict(
            passed=False,
            reason=f"{scored} does not beat the untuned student's {untuned.value:.3f}: "
            "distillation has no visible effect",
        )
    live = _comparison(result, "live")
    if live is not None and _significant(live) and live.only_other_right > live.only_student_right:
        return Verdict(
            passed=False,
            reason=f"{scored} is worse than the model in service: of the records on which they "
            f"differ it is right on {live.only_student_right}, the live model on "
            f"{live.only_other_right} (p = {live.p_value:.2g})",
        )
    floor = f", at least {asked:g} asked" if asked is not None else ""
    return Verdict(
        passed=True, reason=f"{scored}{floor}; the untuned student has {untuned.value:.3f}"
    )


def judge_load(load: LoadResult, constraints: Constraints, usd_per_hour: float) -> Verdict:
    """Check the measured load against the spec, every constraint at once.

    A latency counts as measured, whatever its interval. Rate and cost count by the favourable end
    of theirs, since chance decides how many requests arrive while measuring: the declared load is
    missed if even the upper end of the rate of answers is below the rate of arrivals.

    Args:
        usd_per_hour: Of an hour in which requests come at the declared rate.
    """
    sent, missed = load.num_requests, {}
    if load.num_failed > MAX_FAILED_SHARE * sent:
        missed["failed_requests"] = (
            f"{load.num_failed} of {sent} requests failed, more than {MAX_FAILED_SHARE:.0%}"
        )
    answered, arrivals = load.requests_per_second, load.arrivals_per_second
    if answered.hi < arrivals:
        missed["requests_per_second"] = (
            f"{answered.value:.3g} requests/s [{answered.lo:.3g}, {answered.hi:.3g}] were answered "
            f"of {arrivals:.3g} that arrived"
        )
    for name, (q, field) in LATENCIES.items():
        asked, found = getattr(constraints, name), getattr(load, field)
        if asked is not None and found.value > asked:
            missed[name] = f"{_shown(q, found, load)}, {name} is {asked:g}"
    cost, asked = (
        usd_per_1000_requests(usd_per_hour, answered),
        constraints.max_usd_per_1000_requests,
    )
    if asked is not None and cost is not None and cost.lo > asked:
        missed[COST_CONSTRAINT] = (
            f"1,000 requests cost ${cost.value:.3g} [{cost.lo:.3g}, {cost.hi:.3g}], "
            f"{COST_CONSTRAINT} is {asked:g}"
        )
    held = constraints.latencies or ("max_p95_latency_ms",)
    shown = (_shown(LATENCIES[n][0], getattr(load, LATENCIES[n][1]), load) for n in held)
    reason = "; ".join(missed.values() if missed else shown)
    return Verdict(
        passed=not missed, reason=f"{reason}, over {sent} requests", missed=tuple(missed)
    )


def usd_per_1000_requests(usd_per_hour: float, answered: Interval) -> Interval | None:
    """The cost of hosting 1,000 requests at a measured rate; None if none was answered.

    Args:
        answered: Requests per second.
    """
    if answered.lo <= 0:
        return None
    per_second = 1000 * usd_per_hour / 3600
    return Interval(
        value=per_second / answered.value, lo=per_second / answered.hi, hi=per_second / answered.lo
    )


def least_requests(constraints: Constraints) -> int:
    """How many requests bound every percentile that the spec limits, if the allowed share fails."""
    held = (LATENCY_PERCENTILES[name] for name in constraints.latencies)
    return max((math.ceil(requests_needed(q) / (1 - MAX_FAILED_SHARE)) for q in held), default=0)


def too_few(load: LoadResult, name: str) -> str | None:
    """Why the percentile of a latency constraint cannot be claimed; None if enough requests
    came."""
    q, field = LATENCIES[name]
    if getattr(load, field).enough:
        return None
    answered = load.num_requests - load.num_failed
    return f"{answered} requests are too few to bound p{100 * q:.0f}, {requests_needed(q)} would do"


def judge_outlay(spent: Outlay, constraints: Constraints) -> Verdict:
    """Check what a run has spent against the spec."""
    asked = constraints
    missed = {}
    if asked.max_budget_usd is not None and spent.usd > asked.max_budget_usd:
        missed["max_budget_usd"] = f"${spent.usd:.4g} spent, {asked.max_budget_usd:g} asked"
    if asked.max_training_hours is not None and spent.hours > asked.max_training_hours:
        missed["max_training_hours"] = f"{spent.hours:.4g} h, {asked.max_training_hours:g} asked"
    reason = "; ".join(f"{name}: {text}" for name, text in missed.items())
    return Verdict(passed=not missed, reason=reason, missed=tuple(missed))


def exceeded(spent: Outlay, another: Outlay, constraints: Constraints) -> str | None:
    """Why another attempt at this cost is not made; None if there is room for it."""
    verdict = judge_outlay(spent + another, constraints)
    if "max_budget_usd" in verdict.missed:
        return f"another attempt (${another.usd:.2g}) would exceed max_budget_usd"
    if "max_training_hours" in verdict.missed:
        return f"another attempt ({another.hours:.2g} h) would exceed max_training_hours"
    return None


def _shown(q: float, found: Percentile, load: LoadResult) -> str:
    text = f"p{100 * q:.0f} latency {found.value:.0f} ms [{found.lo:.0f}, {found.hi:.0f}]"
    needed, answered = requests_needed(q), load.num_requests - load.num_failed
    return text if found.enough else f"{text} (not bounded: {answered} of {needed} requests)"


def _comparison(result: EvaluateResult, other: str) -> Comparison | None:
    return next((c for c in result.comparisons if c.other == other), None)


def _significant(comparison: Comparison) -> bool:
    return comparison.p_value < SIGNIFICANCE


def _better(comparison: Comparison | None, scored_higher: bool) -> bool:
    if comparison is None:
        return scored_higher
    ahead = comparison.only_student_right > comparison.only_other_right
    return ahead and _significant(comparison)
