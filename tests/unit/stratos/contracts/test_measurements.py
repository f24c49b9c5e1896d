"""The measurements of a run, and the plan that its deployment carries out."""

from __future__ import annotations

from stratos.contracts.measurements import Measurements
from tests.summaries import measurement
from tests.unit.stratos.hosting.fronts import matched, on


def test_a_deployment_measured_again_is_the_same_plan_and_one_measurement() -> None:
    first, second = on("a", 400), on("b", 200)
    missed = measurement(first, 900, missed=("max_p95_latency_ms",))
    before = Measurements().adding(missed).model_copy(update={"next_plan": second})
    evidence = matched(first, second)
    assert before.plan_of(missed.endpoint_config_name, evidence) == first
    assert before.plan_of("a configuration that is new", evidence) == second
    assert Measurements().plan_of("a configuration that is new", evidence) == first
    assert before.adding(missed).measured == (missed,)
