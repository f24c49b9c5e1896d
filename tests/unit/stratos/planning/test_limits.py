"""The spec's hard constraints."""

from __future__ import annotations

import pytest

from stratos.errors import NoFeasiblePlan
from stratos.planning.choose import plan_before_probing
from tests.unit.stratos.planning.planning_inputs import CHEAP, FAST, request, spec


def test_a_price_of_requests_rules_out_servers_as_the_month_it_comes_to_would() -> None:
    latency_first = {"latency": 50.0}
    free = plan_before_probing(request(FAST, CHEAP, asked=spec(preferences=latency_first)))
    dearest = free.chosen.serving.usd_per_hour
    per_thousand = dearest / (3.6 * spec().load.requests_per_second)
    limit = {"max_usd_per_1000_requests": 0.999 * per_thousand}
    tight = plan_before_probing(request(FAST, CHEAP, asked=spec(limit, preferences=latency_first)))
    assert max(plan.serving.usd_per_hour for plan in tight.front) < dearest
    assert tight.binding == ("max_usd_per_1000_requests",)
    limit = {"max_usd_per_1000_requests": 1.001 * per_thousand}
    loose = plan_before_probing(request(FAST, CHEAP, asked=spec(limit, preferences=latency_first)))
    assert max(plan.serving.usd_per_hour for plan in loose.front) == dearest


def test_a_plan_whose_95th_percentile_is_too_slow_for_the_99th_is_ruled_out() -> None:
    asked = spec({"max_p99_latency_ms": 1.0})
    with pytest.raises(NoFeasiblePlan, match="max_p99_latency_ms: <= 1 ms was asked"):
        plan_before_probing(request(CHEAP, asked=asked))
    gate_only = spec({"max_p50_latency_ms": 1.0})
    assert plan_before_probing(request(CHEAP, asked=gate_only)).front_size >= 1


def test_spent_time_and_money_count_against_the_limits() -> None:
    asked = spec({"max_budget_usd": 100.0, "max_training_hours": 20.0})
    fresh = plan_before_probing(request(CHEAP, asked=asked)).chosen
    later = plan_before_probing(request(CHEAP, asked=asked, spent_usd=7.0, spent_hours=3.0)).chosen
    assert later.usd_to_deploy.value == pytest.approx(fresh.usd_to_deploy.value + 7.0)
    assert later.hours_to_deploy.value == pytest.approx(fresh.hours_to_deploy.value + 3.0)
    with pytest.raises(NoFeasiblePlan, match="max_budget_usd"):
        plan_before_probing(request(CHEAP, asked=asked, spent_usd=99.9))
