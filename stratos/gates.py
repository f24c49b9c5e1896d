"""Gates: what was measured against what was asked, with the reason in words."""

from __future__ import annotations

from stratos.frozen import FrozenModel
from stratos.jobs import Comparison, EvaluateResult, LoadResult
from stratos.spec import Constraints

SIGNIFICANCE = 0.05
MAX_FAILED_SHARE = 0.01


class Verdict(FrozenModel):
    passed: bool
    reason: str


def judge_quality(result: EvaluateResult, constraints: Constraints) -> Verdict:
    """Hold held-out accuracy against the spec.

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
            "distillation taught it nothing that shows",
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


def judge_load(load: LoadResult, constraints: Constraints) -> Verdict:
    """Hold the measured load against the spec: the p95 as measured, not its interval's end."""
    sent = load.num_requests
    if load.num_failed > MAX_FAILED_SHARE * sent:
        return Verdict(
            passed=False,
            reason=f"{load.num_failed} of {sent} requests failed, more than {MAX_FAILED_SHARE:.0%}",
        )
    p95 = load.p95_ms
    measured = f"p95 latency {p95.value:.0f} ms [{p95.lo:.0f}, {p95.hi:.0f}] over {sent} requests"
    asked = constraints.max_p95_latency_ms
    if asked is not None and p95.value > asked:
        return Verdict(
            passed=False,
            reason=f"{measured}, max_p95_latency_ms is {asked:g}. Accept more, lower "
            "load.requests_per_second, or allow a dearer server",
        )
    return Verdict(passed=True, reason=measured)


def _comparison(result: EvaluateResult, other: str) -> Comparison | None:
    return next((c for c in result.comparisons if c.other == other), None)


def _significant(comparison: Comparison) -> bool:
    return comparison.p_value < SIGNIFICANCE


def _better(comparison: Comparison | None, scored_higher: bool) -> bool:
    if comparison is None:
        return scored_higher
    ahead = comparison.only_student_right > comparison.only_other_right
    return ahead and _significant(comparison)
