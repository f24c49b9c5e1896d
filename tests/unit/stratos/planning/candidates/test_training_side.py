"""Hours and dollars until an endpoint can be created."""

from __future__ import annotations

from typing import Any

import pytest

from stratos.contracts.plan import Plan
from stratos.planning.choose import plan_before_probing
from tests.unit.stratos.planning.planning_inputs import (
    CHEAP,
    FAST,
    TEACHER,
    cpu,
    paid,
    request,
    several,
    spec,
    tiny,
)


def test_a_short_deadline_cuts_training_before_it_makes_a_plan_impossible() -> None:
    def chosen(constraints: dict[str, float]) -> Plan:
        asked = request(
            cpu(gflops=40),
            asked=spec(constraints, training={"method": "full", "epochs": 8}),
            teachers=(tiny("teacher", 160, 5),),
            students=(tiny(),),
            facts={"num_train": 7_000},
        )
        return plan_before_probing(asked).chosen

    unhurried = chosen({})
    hours = 0.7 * unhurried.hours_to_deploy.value
    hurried = chosen({"max_training_hours": hours})
    assert hurried.hours_to_deploy.value <= hours
    assert hurried.num_training_tokens < unhurried.num_training_tokens
    assert hurried.accuracy.value < unhurried.accuracy.value
    assert any("max_training_hours leaves time for" in c for c in hurried.caveats)


def test_a_paid_teacher_costs_its_tokens() -> None:
    def dollars(usd_out: float) -> float:
        asked = request(CHEAP, teachers=(paid(usd_out=usd_out),))
        return plan_before_probing(asked).alternatives["cheapest"].usd_to_deploy.value

    assert dollars(40.0) > dollars(4.0) + 5


def test_reinforcement_takes_time_that_is_planned_for() -> None:
    def hours(**reinforcement: int) -> float:
        asked = spec(training={"max_steps": 100, "reinforcement": reinforcement})
        plans = plan_before_probing(request(FAST, asked=asked, teachers=(TEACHER,)))
        return plans.alternatives["soonest"].hours_to_deploy.value

    assert hours() < hours(steps=50) < hours(steps=500)


@pytest.mark.parametrize(
    "training",
    [
        {"on_policy_fraction": 0.5, "kd_weight": 0.5},
        {"reinforcement": {"steps": 10}},
    ],
)
def test_a_student_that_writes_its_own_samples_is_planned_on_as_many_devices_as_any(
    training: dict[str, Any],
) -> None:
    asked = spec(training=training)
    plans = [plan_before_probing(request(several(8), asked=one)).chosen for one in (asked, None)]
    assert [plan.training.devices for plan in plans] == [8, 8]


def test_jobs_that_only_ask_models_gain_nothing_from_more_devices() -> None:
    # All the time goes to probes, synthesis and evaluation.
    asked = spec(training={"max_steps": 1})
    one, eight = (
        plan_before_probing(request(several(count), asked=asked)).chosen for count in (1, 8)
    )
    assert eight.hours_to_deploy.value == pytest.approx(one.hours_to_deploy.value, rel=1e-3)
