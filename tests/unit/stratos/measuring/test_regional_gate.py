"""Endpoints of several regions: each held to its load, all together to the money."""

from __future__ import annotations

from typing import Any

import pytest

from stratos.contracts.measurements import LoadResult
from stratos.contracts.plan import Interval
from stratos.measuring.regional_gate import (
    MeasuredEndpoint,
    cost_of_requests,
    judge_costs,
    judge_endpoint,
)
from tests import factories, summaries

SPEC = factories.spec(load={"requests_per_second": 2})


def measured(region: str, beyond_ms: float = 0.0, **load: Any) -> MeasuredEndpoint:
    found: LoadResult = summaries.load_result().model_copy(
        update={"requests_per_second": Interval(value=1.0, lo=0.5, hi=2.0)} | load
    )
    return MeasuredEndpoint(region, found, beyond_ms, None, usd_per_hour=0.36)


def test_the_distance_of_the_farthest_origin_counts() -> None:
    near, far = measured("us-east-1"), measured("eu-west-1", beyond_ms=200.0)
    assert near.load.p95_ms is not None
    limit = near.load.p95_ms.value + 100
    asked = SPEC.constraints.model_copy(update={"max_p95_latency_ms": limit})
    evaluation = factories.evaluate_result()
    assert judge_endpoint(near, evaluation, asked).passed
    verdict = judge_endpoint(far, evaluation, asked)
    assert verdict.missed == ("max_p95_latency_ms",)
    assert verdict.reason.startswith("eu-west-1: p95")


def test_requests_cost_what_all_regions_cost_together() -> None:
    cost = cost_of_requests([measured("us-east-1"), measured("eu-west-1")], SPEC.load)
    assert cost is not None
    # 0.72 dollars an hour for 2 requests a second.
    assert cost.value == pytest.approx(0.72 / 7200 * 1000)


def test_all_regions_together_are_held_to_what_hosting_may_cost() -> None:
    both = [measured("us-east-1"), measured("eu-west-1")]
    asked = SPEC.constraints.model_copy(update={"max_hosting_usd_per_month": 300.0})
    assert judge_costs(both[:1], SPEC.load, asked).passed
    verdict = judge_costs(both, SPEC.load, asked)
    assert verdict.missed == ("max_hosting_usd_per_month",)
    assert "$525.6 a month in all regions" in verdict.reason


def test_all_regions_together_are_held_to_what_a_request_may_cost() -> None:
    both = [measured("us-east-1"), measured("eu-west-1")]
    asked = SPEC.constraints.model_copy(update={"max_usd_per_1000_requests": 0.01})
    assert judge_costs(both, SPEC.load, asked).missed == ("max_usd_per_1000_requests",)


def test_a_region_that_answered_nothing_has_no_price_for_a_request() -> None:
    none = Interval(value=0.0, lo=0.0, hi=0.0)
    assert cost_of_requests([measured("us-east-1", requests_per_second=none)], SPEC.load) is None
