"""The plan chooses how its endpoint is hosted, from the traffic and what the spec tolerates."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos.errors import DeploymentFailed, NoFeasiblePlan
from stratos.hosting.modes.serverless import USD_PER_GB_SECOND
from stratos.hosting.modes.table import endpoint_modes, told_endpoint
from stratos.planning.candidates.cheapest_mode import ModeOffers, hosting_table
from stratos.planning.forecast.rates import Serving
from stratos.planning.forecast.transformer import transformer
from stratos.spec import ModeName
from tests.unit.stratos.planning import planning_inputs as inputs
from tests.unit.stratos.planning.hosted_plans import chosen, planned

ENDPOINT_MODES = [mode.name for mode in endpoint_modes()]
RARE = {"requests_per_second": 0.5, "mean_requests_per_second": 0.01, "active_hours_per_day": 2}
REQUESTS_PER_MONTH = 0.01 * 3600 * 2 * 730 / 24


@pytest.mark.parametrize("mode", ["async", "scale_to_zero"])
def test_who_has_no_instance_without_requests_is_billed_for_their_hours_and_half_a_one_more(mode):
    always = chosen(mode="realtime").usd_per_month.value
    paused = chosen(mode=mode).usd_per_month.value
    assert paused == pytest.approx(always * (3.5 + 0.5) / 24)


def test_serverless_is_planned_on_a_cpu_and_billed_by_the_second():
    gpu = inputs.gpu(usd={"us-east-1": 0.001})
    plan = chosen(inputs.cpu(), gpu, mode="serverless")
    assert plan.serving.instance_type == "ml.local.cpu2"
    seconds = plan.p95_latency_ms.value / 1000
    requests = 0.5 * 3600 * 3.5 * 730 / 24
    assert plan.usd_per_month.value == pytest.approx(
        requests * seconds * 2 * USD_PER_GB_SECOND, rel=0.05
    )
    assert "the spec asks for serverless hosting" in plan.hosting.reason


def test_a_model_too_large_for_serverless_is_left_out_by_that_reason():
    large, fast = inputs.model("large", 15), inputs.cpu(gflops=1e6)
    with pytest.raises(NoFeasiblePlan, match="serverless has 6 GB of memory at most"):
        chosen(fast, student=large, mode="serverless")


def test_serverless_needs_a_cpu_to_be_forecast_by():
    with pytest.raises(NoFeasiblePlan, match="no CPU instance type to forecast it from"):
        chosen(inputs.gpu(), mode="serverless")


@pytest.mark.parametrize("mode", ENDPOINT_MODES)
def test_a_named_mode_is_that_of_every_plan(mode: ModeName):
    plans = planned(inputs.cpu(), inputs.gpu(), mode=mode, max_cold_start_seconds=900)
    assert {plan.hosting.mode for plan in plans.front} == {mode}


def test_auto_is_real_time_where_no_cold_start_is_tolerated():
    plans = planned(inputs.cpu(), inputs.gpu(), load=RARE)
    assert {plan.hosting.mode for plan in plans.front} == {"realtime"}
    reason = plans.chosen.hosting.reason
    assert reason.startswith("realtime $")
    assert reason.count("the spec tolerates none") == 3
    assert plans.chosen.hosting.cold_start_seconds == 0


def test_rare_traffic_that_tolerates_a_cold_start_is_planned_serverless():
    plans = planned(load=RARE, max_cold_start_seconds=60)
    plan = plans.alternatives["cheapest"]
    assert plan.hosting.mode == "serverless"
    assert plan.hosting.reason.startswith("serverless $")
    assert "instead of realtime $73.00 a month" in plan.hosting.reason
    assert plan.hosting.cold_start_seconds == pytest.approx(15, abs=1)
    assert plan.usd_per_month.value < 1
    assert "a serverless endpoint" in told_endpoint(plan)


def test_a_cost_that_no_instance_holds_is_held_by_what_is_billed_by_use():
    limits = {"max_usd_per_1000_requests": 0.5, "max_hosting_usd_per_month": 10}
    with pytest.raises(NoFeasiblePlan, match="max_usd_per_1000_requests"):
        chosen(load=RARE, limits=limits)
    plan = chosen(load=RARE, limits=limits, max_cold_start_seconds=60)
    assert plan.hosting.mode == "serverless"
    assert plan.usd_per_1000_requests is not None
    assert plan.usd_per_1000_requests.value == pytest.approx(
        1000 * plan.usd_per_month.value / REQUESTS_PER_MONTH
    )
    assert plan.usd_per_1000_requests.value <= 0.5


def test_steady_traffic_stays_on_instances_because_seconds_would_cost_more():
    steady = {"requests_per_second": 20}
    plan = chosen(inputs.cpu(gflops=2_000), load=steady, max_cold_start_seconds=60)
    assert plan.hosting.mode == "realtime"
    assert "instead of serverless $" in plan.hosting.reason


def test_who_can_wait_for_an_instance_gets_a_queue_on_it():
    model = inputs.model("student", 3.0)  # too large for serverless, unless quantised
    plans = planned(inputs.gpu(), student=model, load=RARE, max_cold_start_seconds=1800)
    assert {plan.hosting.mode for plan in plans.front} == {"async"}
    plan = plans.chosen
    assert plan.usd_per_month.value == pytest.approx(plan.serving.usd_per_hour * 730 * 2.5 / 24)
    assert (
        "serverless (serverless has 6 GB"
        in planned(
            inputs.gpu(),
            inputs.cpu(),
            student=model,
            load=RARE,
            max_cold_start_seconds=1800,
            precision="float16",
        ).chosen.hosting.reason
    )


@pytest.mark.parametrize(
    ("limits", "tolerated", "mode"),
    [
        ({"max_p95_latency_ms": 1_500}, 1800, "scale_to_zero"),
        ({"max_p95_latency_ms": 60_000}, 1800, "scale_to_zero"),
        ({"max_p50_latency_ms": 1_500}, 1800, "scale_to_zero"),
        ({"max_p99_latency_ms": 1_500}, 1800, "scale_to_zero"),
        ({"max_p95_latency_ms": 1_500}, 60, "realtime"),
        ({}, 60, "realtime"),
    ],
)
def test_who_limits_a_latency_is_answered_in_the_call_and_a_minute_of_patience_is_for_no_instance(
    limits, tolerated, mode
):
    hasty = planned(
        inputs.gpu(tflops=400, bandwidth=3000),
        student=inputs.model("student", 3.0),
        limits=limits,
        load=RARE,
        max_cold_start_seconds=tolerated,
    )
    assert {plan.hosting.mode for plan in hasty.front} == {mode}


def test_all_day_traffic_prefers_an_instance_that_is_there_to_a_queue_at_the_same_price():
    all_day = {"requests_per_second": 0.5, "active_hours_per_day": 24}
    plans = planned(
        inputs.gpu(), student=inputs.model("s", 3.0), load=all_day, max_cold_start_seconds=1800
    )
    assert {plan.hosting.mode for plan in plans.front} == {"realtime"}


def test_serverless_latency_is_that_of_the_few_processors_its_memory_brings():
    two, many = (
        inputs.cpu(),
        inputs.cpu("ml.local.cpu64", gflops=6_400).model_copy(update={"vcpu": 64}),
    )
    plan = chosen(two, many, load=RARE, mode="serverless")
    assert plan.serving.instance_type == "ml.local.cpu2"
    alone = chosen(many, load=RARE, mode="serverless")
    instance = chosen(many, load=RARE, mode="realtime")
    assert alone.p95_latency_ms.value > 10 * instance.p95_latency_ms.value


@pytest.mark.parametrize("live", ENDPOINT_MODES)
def test_an_endpoint_in_service_binds_every_plan_to_its_kind(live: ModeName):
    plans = planned(inputs.cpu(), inputs.gpu(), load=RARE, live=live)
    assert {plan.hosting.mode for plan in plans.front} == {live}
    assert f"the endpoint in service is {live}, and stays so" in plans.chosen.hosting.reason


def test_an_endpoint_in_service_that_cannot_host_a_student_is_named_before_anything_is_paid():
    with pytest.raises(NoFeasiblePlan, match=r"is serverless and keeps its kind, but .*6 GB"):
        chosen(student=inputs.model("large", 30.0), live="serverless")
    with pytest.raises(DeploymentFailed, match=r"hosting.mode is async, but .* keeps its kind"):
        chosen(live="serverless", mode="async")


@given(
    rate=st.floats(0.001, 20),
    hours=st.floats(0.5, 24),
    tolerated=st.sampled_from([None, 10.0, 45.0, 90.0, 600.0, 3600.0]),
    limit_ms=st.sampled_from([None, 300.0, 1_100.0, 20_000.0]),
    seconds=st.lists(st.floats(0.01, 30), min_size=4, max_size=4),
)
def test_a_server_keeps_the_mode_that_no_other_allowed_one_undercuts(
    rate: float,
    hours: float,
    tolerated: float | None,
    limit_ms: float | None,
    seconds: list[float],
) -> None:
    asked = inputs.spec(
        {"max_p95_latency_ms": limit_ms},
        load={"requests_per_second": rate, "active_hours_per_day": hours},
        hosting={"max_cold_start_seconds": tolerated},
    )
    request = inputs.request(inputs.cpu(), inputs.gpu(), asked=asked)
    table = hosting_table(request, ("us-east-1",))
    modes, student = ModeOffers(request, table), transformer(inputs.model())
    taken = np.resize(np.array(seconds), len(table))
    serving = Serving("bfloat16", "float16", 512)
    found = modes.cheapest(student, serving, taken, np.full(len(table), 1e6))
    offers = {kind: modes.offers_on(student, serving, kind) for kind in ("cpu", "cuda")}
    for row, server in enumerate(table.rows):
        allowed = {
            mode: offer.usd_per_month(server.usd_per_hour, float(taken[row]), 1e6)
            for mode, offer in offers[server.instance.runtime].items()
            if mode.on_instances != server.stand_in and offer.obstacle_at(float(taken[row])) is None
        }
        if found.mode[row] < 0:
            assert allowed == {}
            continue
        assert found.usd_per_month[row] == pytest.approx(min(allowed.values()))
        assert allowed[modes.modes[found.mode[row]]] == pytest.approx(min(allowed.values()))


def test_batches_are_billed_for_the_hours_of_work():
    plan = chosen(mode="batch")
    requests = 0.5 * 3600 * 3.5 * 730 / 24
    hours = requests / plan.requests_per_second.value / 3600
    assert plan.usd_per_month.value == pytest.approx(hours * plan.serving.usd_per_hour, rel=1e-3)
    assert plan.usd_per_month.value < chosen(mode="async").usd_per_month.value
    assert plan.p95_latency_ms.value > 0
    assert plan.hosting.mode == "batch"
    assert told_endpoint(plan).endswith("in us-east-1, in batches")


def test_batches_need_a_server_that_is_done_with_a_month_within_it():
    slow = inputs.cpu(gflops=1e-3)
    with pytest.raises(NoFeasiblePlan, match="no server works off the requests of a month"):
        chosen(slow, mode="batch")


def test_a_serverless_plan_says_what_its_engine_would_be_on_its_server():
    plan = chosen(inputs.cpu(), mode="serverless")
    there = plan.instance_engine
    assert plan.engine.slots == 1
    assert there.slots == 8
    assert there.memory_gib > plan.engine.memory_gib
    alike = {"slots": 1, "memory_gib": plan.engine.memory_gib}
    assert there.model_copy(update=alike) == plan.engine
    assert chosen(inputs.cpu(), mode="realtime").instance_engine is None
    trains = inputs.cpu("ml.local.cpu4").model_copy(update={"hosting": False})
    small = inputs.cpu().model_copy(update={"memory_gib": 0.01, "training": False})
    assert chosen(trains, small, mode="serverless").instance_engine is None
