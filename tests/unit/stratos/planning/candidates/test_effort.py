"""A plan's steps add up to the plan."""

from __future__ import annotations

import pytest

from stratos.planning.choose import plan_after_probing, plan_before_probing
from tests.unit.stratos.planning.planning_inputs import CHEAP, gpu, paid, probe, request, spec


def test_steps_add_up_to_the_hours_and_dollars_that_are_still_to_come() -> None:
    asked = request(CHEAP, gpu(spot_interruptions_per_month=0.1), spent_usd=2.0, spent_hours=0.5)
    for plan in plan_before_probing(asked).front:
        assert [step.step for step in plan.steps] == [
            "probe", "synthesize", "distill", "evaluate", "deploy",
        ]  # fmt: skip
        hours, usd = sum(s.hours for s in plan.steps), sum(s.usd for s in plan.steps)
        assert hours == pytest.approx(plan.hours_to_deploy.value - 0.5)
        assert usd == pytest.approx(plan.usd_to_deploy.value - 2.0)


def test_tokens_of_a_paid_teacher_are_in_the_steps_that_ask_it() -> None:
    def usd(price: float) -> dict[str, float]:
        teachers = (paid(usd_out=price, prior_accuracy=0.9),)
        chosen = plan_before_probing(request(CHEAP, teachers=teachers)).chosen
        return {step.step: step.usd for step in chosen.steps}

    free, dear = usd(0.0), usd(40.0)
    assert {name for name in free if dear[name] > free[name]} == {"probe", "synthesize", "evaluate"}


def test_a_plan_made_on_probes_has_no_probe_to_come() -> None:
    probes = [probe("teacher", "teacher", 180), probe("student", "student", 20)]
    plan = plan_after_probing(request(CHEAP, asked=spec()), probes).plan
    assert [step.step for step in plan.steps] == ["synthesize", "distill", "evaluate", "deploy"]
