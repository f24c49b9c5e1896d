"""The accuracy gate of a student: as it is to be served, or else in full precision."""

from __future__ import annotations

from stratos.contracts.jobs import EvaluateResult
from stratos.contracts.match import MatchEvidence, full_precision_plan, is_quantised
from stratos.contracts.plan import Plan, ServedPrecision
from stratos.hosting.modes.table import told_endpoint
from stratos.hosting.next_server import served_as
from stratos.measuring.gates import Verdict, judge_precision, judge_quality
from stratos.spec import Spec


def judge_student(
    evidence: MatchEvidence, result: EvaluateResult, spec: Spec
) -> tuple[MatchEvidence, Verdict]:
    """Judge a student in the precision of its plan; where that fails, in full precision.

    The artifact holds the unquantised weights, too, so that nothing is trained again.

    Returns:
        The evidence with the plan that the student is to be served by, and the verdict. It stays as
        it is where the student is refused.
    """
    verdict = judge_served(result, evidence.plan, spec)
    if evidence.precision_changed is not None:  # judged before: the function is called again
        return evidence, _after(evidence.precision_changed, verdict)
    if verdict.passed or result.full_precision is None or not is_quantised(evidence.plan):
        return evidence, verdict
    if (plan := full_precision_plan(evidence)) is None:
        why = "and no plan that holds the constraints serves it in full precision"
        return evidence, verdict.model_copy(update={"reason": f"{verdict.reason}, {why}"})
    in_full = judge_served(result, plan, spec)
    if not in_full.passed:
        return evidence, _after(f"{verdict.reason}; in full precision", in_full)
    changed = in_full_precision(evidence, plan, verdict.reason)
    return changed, _after(str(changed.precision_changed), in_full)


def judge_served(result: EvaluateResult, plan: Plan, spec: Spec) -> Verdict:
    """Judge a student as a plan serves it."""
    served = result.served_by(plan.engine)
    verdict = judge_quality(served, spec.constraints)
    return verdict & judge_precision(served, spec.hosting.max_accuracy_loss)


def precisions_passed(
    result: EvaluateResult, evidence: MatchEvidence, spec: Spec
) -> frozenset[ServedPrecision]:
    """Those in which a student was evaluated and passes its gate."""
    plans = (evidence.plan, full_precision_plan(evidence))
    found = {
        result.served_by(plan.engine).precision
        for plan in plans
        if plan is not None and judge_served(result, plan, spec).passed
    }
    return frozenset(precision for precision in found if precision is not None)


def in_full_precision(evidence: MatchEvidence, plan: Plan, why: str) -> MatchEvidence:
    """The evidence of a student that is served by another plan, unquantised.

    Args:
        why: What it missed as it was planned.
    """
    served = served_as(evidence.plan, plan)
    assert served.engine is not None, "a plan in full precision names its engine"
    told = f"{why}: served in {served.engine.precision} on {told_endpoint(served)}"
    matching = evidence.matching.model_copy(update={"plan": served})
    return evidence.model_copy(update={"matching": matching, "precision_changed": told})


def _after(words: str, verdict: Verdict) -> Verdict:
    return verdict.model_copy(update={"reason": f"{words}; {verdict.reason}"})
