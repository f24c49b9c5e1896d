"""The fleet for traffic from several regions, as `stratos plan --origins` chooses it."""

from __future__ import annotations

from typing import Any

import pytest

from stratos.contracts.plan import Plan
from stratos.errors import NoFeasiblePlan
from stratos.planning.choose import plan_before_probing
from stratos.planning.forecast.rates import Serving
from stratos.planning.forecast.serving_cost import RequestShape
from stratos.planning.forecast.transformer import transformer
from stratos.planning.offline.fleet import FleetProblem
from stratos.planning.offline.origins import plan_for_origins, read_origins, worthwhile
from stratos.planning.request import PlanningRequest
from tests.unit.stratos.planning.planning_inputs import catalog, gpu, model, request, spec

ORIGINS = {"us-east-1": 3.0, "ap-northeast-1": 1.0}
USD = {"us-east-1": 1.0, "ap-northeast-1": 1.4}


def asked(**constraints: Any) -> tuple[PlanningRequest, Plan]:
    """A request for one type of server in both regions, and the plan for one region."""
    rows = gpu(usd=USD)
    loose = request(rows, asked=spec())
    chosen = plan_before_probing(loose).chosen
    return request(rows, asked=spec(constraints)), chosen


def test_origins_are_read_as_regions_and_rates() -> None:
    assert read_origins("us-east-1=5, eu-west-1=0.5") == {"us-east-1": 5.0, "eu-west-1": 0.5}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'' is no origin"),
        ("us-east-1", "is no origin; give each region once"),
        ("us-east-1=-1", "is no origin"),
        ("us-east-1=nan", "is no origin"),
        ("us-east-1=1,us-east-1=2", "is no origin; give each region once"),
        ("atlantis-1=1", "'atlantis-1' is none of .*us-east-1"),
    ],
)
def test_what_is_no_origin_is_refused_with_an_example(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_origins(text)


def test_without_a_latency_limit_no_fleet_beats_the_chosen_one_in_both() -> None:
    fleet = plan_for_origins(*asked(), ORIGINS)
    worst = max(row.p95_latency_ms for row in fleet.origins)
    assert {row.origin: row.requests_per_second for row in fleet.origins} == ORIGINS
    assert (worst, fleet.usd_per_month) in fleet.front
    assert fleet.front == tuple(sorted(fleet.front, key=lambda point: point[1]))


def test_requests_are_as_long_as_the_students_own_template_makes_them() -> None:
    asking, chosen = asked()

    def p95_ms(template_tokens: float) -> float:
        [card] = asking.students
        told = card.model_copy(update={"template_tokens": template_tokens})
        longer = asking.model_copy(update={"students": (told,)})
        fleet = plan_for_origins(longer, chosen, ORIGINS)
        return min(row.p95_latency_ms for row in fleet.origins)

    assert p95_ms(400.0) > p95_ms(4.0)


def test_the_cheapest_fleet_that_holds_the_limit_is_chosen() -> None:
    front = plan_for_origins(*asked(), ORIGINS).front
    assert len(front) >= 3
    for latency, usd in front:
        fleet = plan_for_origins(*asked(max_p95_latency_ms=latency + 1), ORIGINS)
        assert fleet.usd_per_month == pytest.approx(usd)
    near = plan_for_origins(*asked(max_p95_latency_ms=front[-1][0] + 1), ORIGINS)
    assert {row.region for row in near.replicas} == set(ORIGINS)


def test_replicas_stand_only_where_the_spec_allows() -> None:
    limits = {"regions": ("us-east-1",), "max_p95_latency_ms": 60_000}
    fleet = plan_for_origins(*asked(**limits), ORIGINS)
    assert {row.region for row in fleet.replicas} == {"us-east-1"}
    by_origin = {row.origin: row.p95_latency_ms for row in fleet.origins}
    assert by_origin["ap-northeast-1"] > by_origin["us-east-1"] + 100


@pytest.mark.parametrize(
    ("limits", "rate", "message"),
    [
        ({"max_p95_latency_ms": 1.0}, 1.0, r"p95 <= 1 ms.*The fastest has.*the cheapest"),
        ({}, 1e6, "no fleet serves 1,000,000 requests/s"),
        ({"max_hosting_usd_per_month": 1.0}, 1.0, "no server in us-east-1 costs at most 1 USD"),
    ],
)
def test_what_no_fleet_can_hold_is_refused_with_the_best_there_is(
    limits: dict[str, float], rate: float, message: str
) -> None:
    with pytest.raises(NoFeasiblePlan, match=message):
        plan_for_origins(*asked(**limits), {"us-east-1": rate})


def test_a_type_that_another_beats_in_every_way_is_not_searched() -> None:
    rows = [gpu("ml.good.xlarge", bandwidth=600.0, usd=USD), gpu("ml.poor.xlarge", usd=USD)]
    problem = FleetProblem(
        catalog(*rows),
        tuple(USD),
        transformer(model()),
        Serving("bfloat16", "float16", 512),
        RequestShape(200, 100),
        ORIGINS,
    )
    assert worthwhile(problem) == {"ml.good.xlarge"}
