"""Fleets over several regions."""

from __future__ import annotations

import numpy as np
import pytest

from stratos.planning.forecast.rates import Serving
from stratos.planning.forecast.serving_cost import RequestShape
from stratos.planning.forecast.transformer import transformer
from stratos.planning.front import hypervolume
from stratos.planning.offline.fleet import (
    FleetProblem,
    exhaustive_fleets,
    plan_fleets,
    searched_fleets,
)
from tests.unit.stratos.planning.planning_inputs import catalog, gpu, model

REGIONS = ("us-east-1", "eu-west-1", "ap-northeast-1")
USD = {"us-east-1": 1.0, "eu-west-1": 1.1, "ap-northeast-1": 1.4}


def problem(num_types: int = 1, rate: float = 3.0, max_replicas: int = 4) -> FleetProblem:
    rows = [
        gpu(
            f"ml.g{i}.xlarge",
            bandwidth=300 * (i + 1),
            usd={r: d * (i + 1) for r, d in USD.items()},
        )
        for i in range(num_types)
    ]
    origins = {"us-east-1": rate, "eu-west-1": rate / 2, "ap-northeast-1": rate / 4}
    return FleetProblem(
        catalog(*rows),
        REGIONS,
        transformer(model()),
        Serving("bfloat16", "float16", 512),
        RequestShape(200, 100),
        origins,
        max_replicas,
    )


def volume(fleets: list, reference: np.ndarray) -> float:
    points = np.array([[f.p95_latency_ms, f.usd_per_month] for f in fleets])
    return hypervolume(points, reference)


def test_reference_directions_find_the_front_that_enumeration_finds() -> None:
    small = problem()
    exact = exhaustive_fleets(small)
    reference = 1.1 * np.max([[f.p95_latency_ms, f.usd_per_month] for f in exact], axis=0)
    found = searched_fleets(small, seed=0, population=40, generations=40, search="NSGA-III")
    assert volume(found, reference) >= 0.99 * volume(exact, reference)


def test_the_cheapest_fleet_sits_in_one_region_and_the_fastest_near_every_origin() -> None:
    fleets = plan_fleets(problem())
    cheapest, fastest = fleets[0], fleets[-1]
    assert len({region for region, _, _ in cheapest.replicas}) == 1
    assert {region for region, _, _ in fastest.replicas} == set(REGIONS)
    assert fastest.p95_latency_ms < cheapest.p95_latency_ms
    assert fastest.usd_per_month > cheapest.usd_per_month


def test_traffic_that_no_replica_can_take_is_counted() -> None:
    small = problem(rate=3.0)
    latency, _, unserved = small.evaluate(np.zeros(3, dtype=np.int64))
    assert np.isinf(latency)
    assert unserved == pytest.approx(3.0 * 1.75)
    assert small.evaluate(np.full(3, 4))[2] == 0.0


def test_a_full_region_overflows_to_the_next_nearest() -> None:
    crowded = problem(rate=8.0)
    near = crowded.evaluate(np.array([4, 4, 4]))
    far = crowded.evaluate(np.array([1, 4, 4]))
    assert far[2] == 0.0
    assert far[0] > near[0]


def test_the_search_comes_close_to_every_fleet_enumerated() -> None:
    case = problem(num_types=2, max_replicas=2)
    exact = exhaustive_fleets(case)
    found = searched_fleets(case, seed=1, population=40, generations=40)
    reference = np.array(
        [1.1 * max(f.p95_latency_ms for f in exact), 1.1 * max(f.usd_per_month for f in exact)]
    )
    assert volume(found, reference) >= 0.99 * volume(exact, reference)
    assert volume(found, reference) <= volume(exact, reference) * (1 + 1e-9)


def test_the_same_seed_gives_the_same_fleets() -> None:
    case = problem(num_types=2, max_replicas=3)
    runs = [searched_fleets(case, seed=5, population=20, generations=10) for _ in range(2)]
    assert runs[0] == runs[1]


def test_a_model_that_fits_nowhere_is_refused() -> None:
    with pytest.raises(ValueError, match="no server in us-east-1 holds huge"):
        FleetProblem(
            catalog(gpu()),
            ("us-east-1",),
            transformer(model("huge", 300.0)),
            Serving("bfloat16", "float16", 512),
            RequestShape(10, 10),
            {"us-east-1": 1.0},
        )
