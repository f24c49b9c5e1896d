"""The measurements of a run, and the plan that its deployment carries out."""

from __future__ import annotations

from stratos.contracts.measurements import Measurements
from tests.summaries import measurement, plan
from tests.unit.stratos.hosting.batch_jobs import result
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


def test_a_model_that_fails_by_itself_nearly_always_is_broken() -> None:
    one = measurement(plan("a"))
    assert one.load is not None
    of_80 = {"num_failed": 76, "num_broken": 73}
    broken = one.model_copy(update={"load": one.load.model_copy(update=of_80)})
    assert broken.is_broken
    slow = {"num_failed": 80, "num_broken": 2}
    assert not one.model_copy(update={"load": one.load.model_copy(update=slow)}).is_broken
    assert not one.is_broken


def test_a_batch_that_failed_is_broken_where_the_model_was_to_blame() -> None:
    for broken in (True, False):
        found = result(failure="it failed", num_failed=4, broken=broken)
        measured = measurement(plan("a")).model_copy(update={"load": None, "batch": found})
        assert measured.is_broken == broken
