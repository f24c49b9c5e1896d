"""Fleets over several regions, as the planner evaluates them."""

from __future__ import annotations

import math

import pytest

from stratos.planning.candidates.pool_builder import PoolBuilder
from stratos.planning.candidates.regional import RegionalFleet
from stratos.planning.candidates.serving_side import NO_FLEET
from stratos.planning.request import PlanningRequest
from tests.unit.stratos.planning.planning_inputs import gpu, request, spec

REGIONS = ("us-east-1", "ap-northeast-1")
ORIGINS = {"us-east-1": 1.0, "ap-northeast-1": 4.0}


def asked(**hosting: object) -> PlanningRequest:
    return request(
        gpu(usd={"us-east-1": 1.0, "ap-northeast-1": 1.5}),
        asked=spec({}, load={"origins": ORIGINS}, hosting=hosting),
        serving_regions=REGIONS,
    )


def fleets(found: PlanningRequest) -> list[RegionalFleet]:
    pool = PoolBuilder(found, ()).build()
    return [pool.serving_side.fleets[number] for number in set(pool.fleet) - {NO_FLEET}]


def test_each_endpoint_serves_its_origins_and_is_paid_with_the_others() -> None:
    found = fleets(asked())
    assert found
    for fleet in found:
        assert {part.origins for part in fleet.parts} == {(region,) for region in REGIONS}
        assert fleet.main.origins == ("ap-northeast-1",)
        assert fleet.usd_per_month == pytest.approx(
            math.fsum(part.usd_per_month for part in fleet.parts)
        )
        for part in fleet.parts:
            assert part.requests_per_second == ORIGINS[part.origins[0]]
            assert part.sustained > part.requests_per_second


@pytest.mark.parametrize("mode", ["serverless", "batch"])
def test_what_has_no_instances_or_no_endpoint_is_in_one_region(mode: str) -> None:
    regional = PoolBuilder(asked(mode=mode), ()).serving_side.regional
    assert regional.num_fleets("cuda") == 0


def test_fleets_are_counted_among_the_candidates() -> None:
    builder = PoolBuilder(asked(), ())
    per_region = len(builder.serving) / 2
    assert builder.serving_side.regional.num_fleets("cuda") == 2 * per_region**2
