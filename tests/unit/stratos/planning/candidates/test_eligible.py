"""Which models come into question."""

from __future__ import annotations

import pytest

from stratos.errors import NoFeasiblePlan
from stratos.planning.candidates.eligible import listed
from stratos.planning.choose import plan_after_probing, plan_before_probing
from tests.unit.stratos.planning.planning_inputs import (
    CHEAP,
    FAST,
    TEACHER,
    model,
    paid,
    probe,
    request,
    spec,
)


def test_a_student_that_missed_its_gate_is_not_chosen_again() -> None:
    other = model("other", 0.6, prior_accuracy=0.3)
    asked = request(CHEAP, students=(model(prior_accuracy=0.4), other))
    probes = [
        probe("teacher", "teacher", 150),
        probe("student", "student", 60),
        probe("other", "student", 50),
    ]
    assert plan_after_probing(asked, probes).plan.student == "student"
    again = plan_after_probing(asked, probes, frozenset({"student"}))
    assert again.plan.student == "other"
    assert "already missed its accuracy gate" in again.plans.rejected["student"]
    with pytest.raises(NoFeasiblePlan, match="no student is left"):
        plan_after_probing(asked, probes, frozenset({"student", "other"}))


def test_a_failed_probe_drops_its_candidate() -> None:
    asked = request(CHEAP, teachers=(TEACHER, model("lost", 7.0)))
    probes = [probe("teacher", "teacher", 150), probe("student", "student", 60)]
    plans = plan_after_probing(asked, probes).plans
    assert "its probe failed" in plans.rejected["lost"]


def test_a_model_under_another_licence_is_left_out_with_the_reason() -> None:
    asked = request(
        CHEAP,
        asked=spec({"licences": ["Apache-2.0"]}),
        students=(model("closed", 0.5, licence="LicenseRef-x"), model("open", 0.4)),
    )
    plans = plan_before_probing(asked)
    assert plans.chosen.student == "open"
    assert "LicenseRef-x is not among those allowed" in plans.rejected["closed"]


def test_a_teacher_without_a_price_is_not_free() -> None:
    asked = request(CHEAP, teachers=(paid("unpriced", None), TEACHER))
    assert plan_before_probing(asked).rejected["unpriced"] == "teacher: its price is unknown"


def test_the_catalogs_own_long_lists_are_screened_by_score_and_price() -> None:
    many = tuple(paid(f"t{i}", 1.0 + i, prior_accuracy=0.5 + i / 100) for i in range(30))
    unscored = paid("unscored", 0.1)
    plans = plan_before_probing(request(CHEAP, teachers=(*many, unscored)))
    assert "name it in the spec" in plans.rejected["unscored"]
    assert len([n for n, why in plans.rejected.items() if "published scores" in why]) == 19
    assert plans.alternatives["most_accurate"].teacher == "t29"


def test_a_teacher_whose_distribution_cannot_be_read_is_left_out_where_it_is_needed() -> None:
    asked = request(FAST, asked=spec(training={"kd_weight": 0.5}), teachers=(TEACHER, paid()))
    plans = plan_before_probing(asked)
    assert {plan.teacher for plan in plans.front} == {"teacher"}
    assert "training.kd_weight needs" in plans.rejected[paid().name]


def test_a_student_whose_context_is_too_short_is_refused_with_both_lengths() -> None:
    asked = request(
        CHEAP,
        students=(model("short", context_tokens=256), model("long", context_tokens=4_096)),
        facts={"longest_prompt_tokens": 300.0},
    )
    plans = plan_before_probing(asked)
    assert plans.chosen.student == "long"
    assert "context of 256 tokens cannot hold" in plans.rejected["short"]


def test_models_left_out_for_one_reason_are_told_together_the_commonest_reason_first() -> None:
    rejected = {"a": "dear"} | {f"m{number}": "too large" for number in range(5)}
    assert listed(rejected) == "m0, m1, m2 and 2 more: too large; a: dear"
