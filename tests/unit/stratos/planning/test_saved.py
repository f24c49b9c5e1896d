"""A saved plan pins its decisions and leaves the rest to the probes."""

from __future__ import annotations

import pytest

from stratos.contracts.plan import Plan, PlanSet
from stratos.contracts.saved_plan import PlanBasis, SavedPlan, differences
from stratos.errors import SavedPlanChanged
from stratos.planning.choose import plan_before_probing
from stratos.planning.request import PlanningRequest
from stratos.planning.saved import match_saved, plan_saved, shortlist_saved
from tests.unit.stratos.planning.planning_inputs import (
    CHEAP,
    FAST,
    cpu,
    model,
    probe,
    request,
    spec,
    tiny,
)

STUDENTS = (model("small", 0.5, prior_accuracy=0.4), model("large", 1.5, prior_accuracy=0.5))
PROBES = [
    probe("teacher", "teacher", 190),
    probe("small", "student", 60),
    probe("large", "student", 80),
]


def asked(**fields: object) -> PlanningRequest:
    return request(CHEAP, FAST, cpu(), students=STUDENTS, **fields)  # type: ignore[arg-type]


def saved(plans: PlanSet, *first: Plan, **basis: object) -> SavedPlan:
    """A plan set as saved, with some plans in front of it."""
    known = {
        "spec_sha256": "a",
        "dataset_sha256": "b",
        "num_records": asked().dataset.counts,
        "region": "us-east-1",
    }
    order = (*first, plans.chosen, *plans.fallbacks)
    return SavedPlan(basis=PlanBasis.model_validate(known | basis), plans=order)


def test_any_plan_of_the_front_can_be_pinned_and_is_what_is_planned() -> None:
    plans = plan_before_probing(asked())
    assert len(plans.front) > 10
    for shown in plans.front:
        found = plan_saved(asked(), saved(plans, shown))
        assert list(differences(shown, found.chosen)) == []
        assert found.chosen.usd_to_deploy == shown.usd_to_deploy
        assert found.chosen.p95_latency_ms == shown.p95_latency_ms


def test_nothing_but_what_was_shown_may_come_after_the_choice() -> None:
    plans = plan_before_probing(asked())
    other = plans.fallbacks[-1]
    found = plan_saved(asked(), saved(plans, other))
    shown = [plan.id for plan in (other, plans.chosen, *plans.fallbacks)]
    assert [plan.id for plan in found.front] == shown
    assert found.fallbacks == found.front[1:]
    assert set(found.alternatives) <= {"full_precision"}


def test_the_models_of_the_choice_are_probed_first() -> None:
    plans = plan_before_probing(asked())
    other = next(plan for plan in plans.front if plan.student != plans.chosen.student)
    teachers, students = shortlist_saved(plan_saved(asked(), saved(plans, other)))
    assert list(teachers) == ["teacher"]
    assert next(iter(students)) == other.student


def test_probes_decide_the_way_of_distilling_and_not_the_servers() -> None:
    plans = plan_before_probing(asked())
    shown = next(plan for plan in plans.front if plan.student != plans.chosen.student)
    matching = match_saved(asked(), saved(plans, shown), PROBES)
    assert list(differences(shown, matching.plan)) == []
    assert matching.strategy == "alignment"
    assert matching.plans.chosen == matching.plan


def test_after_a_missed_gate_the_next_shown_student_has_its_turn() -> None:
    plans = plan_before_probing(asked())
    first = next(plan for plan in plans.front if plan.student == "small")
    second = next(plan for plan in plans.front if plan.student == "large")
    kept = saved(plans).model_copy(update={"plans": (first, second)})
    after = match_saved(asked(), kept, PROBES, frozenset({"small"}))
    assert list(differences(second, after.plan)) == []
    with pytest.raises(
        SavedPlanChanged, match="no student of the saved plan is left: large, small"
    ):
        match_saved(asked(), kept, PROBES, frozenset({"small", "large"}))


def test_a_choice_that_its_limits_rule_out_is_refused_with_the_limit() -> None:
    kept = saved(plan_before_probing(asked()))
    tight = asked(asked=spec({"max_budget_usd": 0.0001}))
    with pytest.raises(SavedPlanChanged, match=r"cannot run any more: .*max_budget_usd"):
        plan_saved(tight, kept)


def test_a_model_that_is_no_longer_on_offer_is_named() -> None:
    kept = saved(plan_before_probing(asked()))
    gone = asked().model_copy(update={"students": (model("other"),)})
    with pytest.raises(SavedPlanChanged, match=r"student (small|large) is no longer on offer"):
        plan_saved(gone, kept)


def test_a_fallback_that_is_gone_is_left_out() -> None:
    plans = plan_before_probing(asked())
    lost = plans.chosen.model_copy(update={"student": "gone"})
    kept = saved(plans).model_copy(update={"plans": (plans.chosen, lost)})
    assert plan_saved(asked(), kept).fallbacks == ()


def test_a_quantised_choice_keeps_its_way_back_to_full_precision() -> None:
    cpus = request(
        cpu(),
        asked=spec(preferences={"accuracy": 0, "latency": 1, "time": 0, "cost": 0}),
        teachers=(tiny("teacher"),),
        students=(model("wide", 0.1, num_layers=6, hidden_size=512),),
    )
    plans = plan_before_probing(cpus)
    quantised = next(plan for plan in plans.front if plan.engine and plan.engine.is_quantised)
    found = plan_saved(cpus, saved(plans, quantised))
    full = found.alternatives["full_precision"]
    assert full.engine is not None
    assert not full.engine.is_quantised
    assert full.training == quantised.training
