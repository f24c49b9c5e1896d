"""A named hosting mode changes which servers may serve, and what they cost a month."""

from __future__ import annotations

from typing import Any

import pytest

from stratos.errors import NoFeasiblePlan
from stratos.hosting import SERVERLESS_USD_PER_GB_SECOND
from stratos.plan import Plan
from stratos.planning.choose import plan_before_probing
from stratos.planning.request import ModelCard
from tests.unit.planning import planning_inputs as inputs

TRAFFIC = {"requests_per_second": 0.5, "active_hours_per_day": 3.5}


def chosen(*servers: Any, student: ModelCard | None = None, **hosting: Any) -> Plan:
    request = inputs.request(
        *(servers or (inputs.cpu(),)),
        asked=inputs.spec(load=TRAFFIC, hosting=hosting),
        teachers=(inputs.tiny("teacher"),),
        students=(student or inputs.tiny(),),
    )
    return plan_before_probing(request).chosen


def test_a_queue_is_billed_for_the_hours_with_requests_and_half_an_hour_more():
    always = chosen(mode="realtime").usd_per_month.value
    queued = chosen(mode="async").usd_per_month.value
    assert queued == pytest.approx(always * (3.5 + 0.5) / 24)


def test_auto_is_planned_as_real_time():
    assert chosen().usd_per_month == chosen(mode="realtime").usd_per_month


def test_serverless_is_planned_on_a_cpu_and_billed_by_the_second():
    gpu = inputs.gpu(usd={"us-east-1": 0.001})
    plan = chosen(inputs.cpu(), gpu, mode="serverless")
    assert plan.serving.instance_type == "ml.local.cpu2"
    seconds = plan.p95_latency_ms.value / 1000
    requests = 0.5 * 3600 * 3.5 * 730 / 24
    assert plan.usd_per_month.value == pytest.approx(
        requests * seconds * 2 * SERVERLESS_USD_PER_GB_SECOND, rel=0.05
    )


def test_a_model_too_large_for_serverless_is_left_out_by_that_reason():
    large, fast = inputs.model("large", 1.5), inputs.cpu(gflops=1e6)
    with pytest.raises(NoFeasiblePlan, match="too large for a serverless endpoint"):
        chosen(fast, student=large, mode="serverless")
