"""Gates: measurements checked against the spec, with the reason in words."""

from __future__ import annotations

import math
from dataclasses import dataclass

from stratos.contracts.jobs import EvaluateResult
from stratos.contracts.measurements import LoadResult, Percentile
from stratos.contracts.plan import Interval, PlannedEngine
from stratos.frozen import FrozenModel
from stratos.hosting.guardrails import MAX_FAILED_SHARE
from stratos.hosting.next_server import COST_CONSTRAINT
from stratos.measuring.load import requests_needed
from stratos.spec import Constraints
from stratos.spec.constraints import LATENCY_PERCENTILES
from stratos.statistics.mcnemar import Comparison
from stratos.statistics.newcombe import difference
from stratos.statistics.wilson import Proportion
from stratos.units import figure

SIGNIFICANCE = 0.05
ACCURACY_CONSTRAINT = "min_accuracy"
FAILED_REQUESTS = "failed_requests"
EVALUATED_ACCURACY = "evaluated_accuracy"
"""Missed where an endpoint answers otherwise than what was evaluated."""
OF_ANSWERS = frozenset((ACCURACY_CONSTRAINT, EVALUATED_ACCURACY))
"""What an endpoint misses by its answers: no other server gives other ones."""


class Verdict(FrozenModel):
    passed: bool
    reason: str
    missed: tuple[str, ...] = ()
    """Constraints, or `requests_per_second`, `failed_requests`, `evaluated_accuracy`."""

    def __and__(self, other: Verdict) -> Verdict:
        """Both: it is passed if both are, and says what was missed, or what both say."""
        shown = [each.reason for each in (self, other) if each.reason]
        if not (self.passed and other.passed):
            shown = [each.reason for each in (self, other) if not each.passed]
        return Verdict(
            passed=self.passed and other.passed,
            reason="; ".join(shown),
            missed=(*self.missed, *other.missed),
        )


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
    if result.precision is not None:
        scored = f"{scored} in {result.precision} through {result.engine}"
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


def judge_precision(result: EvaluateResult, max_accuracy_loss: float) -> Verdict:
    """Check what quantising costs, on the same questions.

    Args:
        result: With the student in the precision that is to be served.
        max_accuracy_loss: Share of the answers that it may cost.
    """
    full, found = result.full_precision, result.student
    if full is None:
        return Verdict(passed=True, reason="")
    points = 100 * (full.accuracy.value - found.value)
    of_full = f"of the {100 * full.accuracy.value:.1f}% in {full.precision}"
    if points <= 0:
        return Verdict(passed=True, reason=f"{result.precision} costs none {of_full}")
    costs = f"{result.precision} costs {points:.1f} points {of_full}"
    # Shares of the same number of questions: a hair above the limit is rounding.
    passed = points <= 100 * max_accuracy_loss + 1e-9
    return Verdict(passed=passed, reason=f"{costs}, at most {100 * max_accuracy_loss:g} allowed")


def judge_answers(
    found: Proportion | None,
    result: EvaluateResult,
    engine: PlannedEngine,
    constraints: Constraints,
) -> Verdict:
    """Check the answers of a deployed model, each held-out question counted once.

    The lower end of their interval must reach `min_accuracy` if the evaluation went through another
    engine. Whatever it went through, they must not be significantly worse than it found: the lower
    end of Newcombe's interval of the difference must not be above zero.

    Args:
        found: None if no rule can tell which answers are right.
        result: With the student in the precision that is served.
    """
    if found is None:
        return Verdict(passed=True, reason="")
    asked, missed = constraints.min_accuracy, {}
    scored = f"accuracy of its answers {found.value:.3f} [{found.lo:.3f}, {found.hi:.3f}]"
    shown = f"{scored} on {found.n} held-out questions"
    if asked is not None and not result.came_through(engine) and found.lo < asked:
        missed[ACCURACY_CONSTRAINT] = f"{shown}: the lower end misses min_accuracy {asked:g}"
    if difference(result.student, found).lo > 0:
        missed[EVALUATED_ACCURACY] = (
            f"the endpoint answers otherwise than what was evaluated: {shown}, evaluated through "
            f"{result.engine} {result.student.value:.3f} [{result.student.lo:.3f}, "
            f"{result.student.hi:.3f}]"
        )
    reason = "; ".join(missed.values()) or shown
    return Verdict(passed=not missed, reason=reason, missed=tuple(missed))


def judge_load(
    load: LoadResult, constraints: Constraints, usd_per_hour: float, *, beyond_ms: float = 0.0
) -> Verdict:
    """Check the measured load against the spec, every constraint at once.

    A latency counts as measured, whatever its interval. Rate and cost count by the favourable end
    of theirs, since chance decides how many requests arrive while measuring: the declared load is
    missed if even the upper end of the rate of answers is below the rate of arrivals. A load that
    was cut short has missed by its failures, whose requests may not all have ended yet; nothing
    else of it was measured.

    Args:
        usd_per_hour: Of an hour in which requests come at the declared rate.
        beyond_ms: Of the network, what the farthest origin has more than the client that measured.
    """
    sent, missed = load.num_requests, {}
    if load.stopped or load.num_failed > MAX_FAILED_SHARE * sent:
        missed[FAILED_REQUESTS] = _failures_told(load)
    if load.stopped or load.num_failed == sent:
        return Verdict(passed=not missed, reason="; ".join(missed.values()), missed=tuple(missed))
    answered, arrivals = load.requests_per_second, load.arrivals_per_second
    if answered.hi < arrivals:
        missed["requests_per_second"] = (
            f"{figure(answered.value, 3)} requests/s {_bounds(answered)} were answered of "
            f"{figure(arrivals, 3)} that arrived"
        )
    for name, (q, field) in LATENCIES.items():
        asked, found = getattr(constraints, name), getattr(load, field)
        if asked is not None and found is not None and found.value + beyond_ms > asked:
            far = f" and {beyond_ms:.0f} ms to the farthest origin" * (beyond_ms > 0)
            missed[name] = f"{_shown(q, found, load)}{far}, {name} is {figure(asked)}"
    cost, asked = (
        usd_per_1000_requests(usd_per_hour, answered),
        constraints.max_usd_per_1000_requests,
    )
    if asked is not None and cost is not None and cost.lo > asked:
        missed[COST_CONSTRAINT] = (
            f"1,000 requests cost ${figure(cost.value, 3)} {_bounds(cost)}, "
            f"{COST_CONSTRAINT} is {figure(asked)}"
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
    found = getattr(load, field)
    if found is None or found.enough:
        return None
    answered = load.num_requests - load.num_failed
    return f"{answered} requests are too few to bound p{100 * q:.0f}, {requests_needed(q)} would do"


def judge_outlay(spent: Outlay, constraints: Constraints) -> Verdict:
    """Check what a run has spent against the spec."""
    asked = constraints
    missed = {}
    if asked.max_budget_usd is not None and spent.usd > asked.max_budget_usd:
        allowed = "allowed by default" if asked.budget_by_default else "asked"
        missed["max_budget_usd"] = (
            f"${figure(spent.usd)} spent, {figure(asked.max_budget_usd)} {allowed}"
        )
    if asked.max_training_hours is not None and spent.hours > asked.max_training_hours:
        missed["max_training_hours"] = (
            f"{figure(spent.hours)} h, {figure(asked.max_training_hours)} asked"
        )
    reason = "; ".join(f"{name}: {text}" for name, text in missed.items())
    return Verdict(passed=not missed, reason=reason, missed=tuple(missed))


def exceeded(spent: Outlay, another: Outlay, constraints: Constraints) -> str | None:
    """Why another attempt at this cost is not made; None if there is room for it."""
    verdict = judge_outlay(spent + another, constraints)
    if "max_budget_usd" in verdict.missed:
        return f"another attempt (${figure(another.usd, 2)}) would exceed max_budget_usd"
    if "max_training_hours" in verdict.missed:
        return f"another attempt ({figure(another.hours, 2)} h) would exceed max_training_hours"
    return None


def _failures_told(load: LoadResult) -> str:
    told = "more requests failed than"
    if load.num_failed > MAX_FAILED_SHARE * load.num_requests:
        told = f"{load.num_failed} of {load.num_requests} requests failed, more than"
    told = f"{told} {MAX_FAILED_SHARE:.0%}"
    if load.stopped:
        told = f"{told}, and no more were sent"
    return f"{told}: {load.errors[0]}" if load.errors else told


def _bounds(found: Interval) -> str:
    return f"[{figure(found.lo, 3)}, {figure(found.hi, 3)}]"


def _shown(q: float, found: Percentile | None, load: LoadResult) -> str:
    if found is None:
        return f"p{100 * q:.0f} latency unknown"
    text = f"p{100 * q:.0f} latency {found.value:,.0f} ms [{found.lo:,.0f}, {found.hi:,.0f}]"
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
