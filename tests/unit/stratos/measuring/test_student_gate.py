"""A student held against its gate as it is to be served, and in full precision."""

from __future__ import annotations

from typing import Any

from stratos.contracts.jobs import EvaluateResult
from stratos.contracts.match import FULL_PRECISION, MatchEvidence
from stratos.measuring.gates import Verdict
from stratos.measuring.student_gate import judge_student, precisions_passed
from tests import factories
from tests.unit.stratos.hosting.fronts import matched, on


def quantised() -> MatchEvidence:
    """Served in q8_0 on a small server, with an alternative in float16 on a large one."""
    chosen = on("small", 300, engine=factories.engine("q8_0"))
    full = on("large", 400, engine=factories.engine("float16"))
    evidence = matched(chosen, full)
    plans = evidence.matching.plans.model_copy(update={"alternatives": {FULL_PRECISION: full}})
    matching = evidence.matching.model_copy(update={"plans": plans})
    return evidence.model_copy(update={"matching": matching})


def judged(
    result: EvaluateResult, evidence: MatchEvidence | None = None, **sections: Any
) -> tuple[MatchEvidence, Verdict]:
    return judge_student(evidence or quantised(), result, factories.spec(**sections))


def test_a_quantisation_within_its_loss_is_served() -> None:
    evidence, verdict = judged(factories.evaluated_quantised(354, 360))
    assert verdict.passed
    assert evidence == quantised()
    assert "in q8_0 through llama.cpp b10566" in verdict.reason
    assert "q8_0 costs 1.0 points of the 60.0% in float16, at most 2 allowed" in verdict.reason


def test_one_that_costs_more_is_served_in_full_precision_by_the_same_training() -> None:
    evidence, verdict = judged(factories.evaluated_quantised(340, 360))
    assert verdict.passed
    plan = evidence.plan
    assert plan.engine is not None
    assert (plan.engine.precision, plan.serving.instance_type) == ("float16", "ml.large")
    assert plan.training == quantised().plan.training
    assert evidence.precision_changed is not None
    assert evidence.precision_changed.startswith("q8_0 costs 3.3 points of the 60.0% in float16")
    assert "served in float16 on 1 × ml.large" in verdict.reason
    assert "held-out accuracy 0.600" in verdict.reason


def test_a_loss_of_just_what_is_allowed_is_no_miss() -> None:
    assert judged(factories.evaluated_quantised(348, 360))[0].precision_changed is None
    strict = {"hosting": {"max_accuracy_loss": 0.0}}
    assert judged(factories.evaluated_quantised(359, 360), **strict)[0].precision_changed
    assert judged(factories.evaluated_quantised(361, 360), **strict)[0].precision_changed is None


def test_one_that_misses_min_accuracy_only_where_it_is_quantised_is_served_in_full() -> None:
    asked = {"constraints": {"min_accuracy": 0.55}}
    evidence, verdict = judged(factories.evaluated_quantised(351, 360), **asked)
    assert verdict.passed
    assert "misses min_accuracy 0.55" in str(evidence.precision_changed)


def test_a_student_that_misses_in_full_precision_too_is_refused() -> None:
    asked = {"constraints": {"min_accuracy": 0.9}}
    evidence, verdict = judged(factories.evaluated_quantised(340, 360), **asked)
    assert not verdict.passed
    assert evidence == quantised()
    assert "in full precision; held-out accuracy 0.600" in verdict.reason


def test_without_a_plan_in_full_precision_the_student_is_refused_with_the_reason() -> None:
    evidence = matched(on("small", 300, engine=factories.engine("q8_0")))
    _, verdict = judged(factories.evaluated_quantised(300, 360), evidence)
    assert not verdict.passed
    assert "no plan that holds the constraints serves it in full precision" in verdict.reason


def test_judging_again_after_the_change_gives_the_same_plan_and_reason() -> None:
    result = factories.evaluated_quantised(340, 360)
    once, first = judged(result)
    again, second = judged(result, once)
    assert (again, second) == (once, first)


def test_only_precisions_that_pass_may_follow_a_missed_load() -> None:
    evidence, spec = quantised(), factories.spec()
    both = precisions_passed(factories.evaluated_quantised(354, 360), evidence, spec)
    assert both == {"q8_0", "float16"}
    lossy = precisions_passed(factories.evaluated_quantised(300, 360), evidence, spec)
    assert lossy == {"float16"}
