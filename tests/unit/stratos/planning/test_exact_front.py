"""The composed front equals brute force, point by point."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymoo.util.nds.non_dominated_sorting import NonDominatedSorting

from stratos.errors import NoFeasiblePlan
from stratos.planning.candidates.pool_builder import PoolBuilder
from stratos.planning.choose import plan_before_probing
from stratos.planning.front import compromise, hypervolume, non_dominated, normalised, scores
from stratos.planning.limits import feasible, limits_of
from stratos.planning.request import PlanningRequest
from tests.unit.stratos.planning.brute_force import (
    Objectives,
    feasible_candidates,
    front,
    pairings_of,
)
from tests.unit.stratos.planning.planning_inputs import cpu, gpu, model, paid, request, spec, tiny

REGIONS = ("us-east-1", "eu-west-1")


def planned_front(asked: PlanningRequest) -> set[Objectives]:
    pool = PoolBuilder(asked, ()).build()
    rows = np.flatnonzero(feasible(limits_of(asked, pool), len(pool)))
    points = pool.objectives[rows]
    return {tuple(row) for row in points[non_dominated(points)].tolist()}


@st.composite
def requests(draw: st.DrawFn) -> PlanningRequest:
    number = st.floats(0.5, 2.0)
    rows: list[Any] = [cpu()] if draw(st.booleans()) else []
    for index in range(draw(st.integers(1, 3))):
        dollars = {region: round(draw(number), 2) for region in REGIONS if draw(st.booleans())}
        row = gpu(
            f"ml.g{index}.xlarge",
            tflops=round(100 * draw(number)),
            bandwidth=round(300 * draw(number)),
            memory=draw(st.sampled_from([16.0, 22.0, 80.0])),
            usd=dollars or {"us-east-1": 1.0},
            num_accelerators=draw(st.sampled_from([1, 2, 4])),
            interconnect_gb_per_s=draw(st.sampled_from([None, 32.0, 600.0])),
            memory_gib=256,
            spot_interruptions_per_month=draw(st.sampled_from([None, 0.2])),
        )
        rows.append(row)
    limits: dict[str, Any] = {"regions": REGIONS}
    for name, values in (
        ("min_accuracy", [0.4, 0.7]),
        ("max_p95_latency_ms", [2_000, 3_500, 6_000]),
        ("max_training_hours", [1.2, 2.0, 10.0]),
        ("max_budget_usd", [1.0, 3.0, 50.0]),
        ("max_hosting_usd_per_month", [20.0, 700.0, 2_000.0]),
        ("max_usd_per_1000_requests", [0.3, 3.0]),
    ):
        if draw(st.booleans()):
            limits[name] = draw(st.sampled_from(values))
    teachers = [model("teacher", 7.0, prior_accuracy=0.8), paid(prior_accuracy=0.9)]
    students = [model("small", 0.5, prior_accuracy=0.4), model("large", 3.0, prior_accuracy=0.6)]
    return request(
        *rows,
        asked=spec(
            limits,
            load={
                "requests_per_second": draw(st.sampled_from([0.5, 3.0])),
                "active_hours_per_day": draw(st.sampled_from([2.0, 24.0])),
            },
            hosting={"max_cold_start_seconds": draw(st.sampled_from([None, 120.0, 1800.0]))},
        ),
        teachers=tuple(teachers[: draw(st.integers(1, 2))]),
        students=tuple(students[: draw(st.integers(1, 2))]),
    )


@settings(max_examples=16, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(asked=requests())
def test_the_front_equals_brute_force_on_small_catalogs(asked: PlanningRequest) -> None:
    try:
        pairings = pairings_of(asked)
    except NoFeasiblePlan:
        return
    expected = front(feasible_candidates(asked, pairings))
    found = planned_front(asked)
    assert len(found) == len(expected)
    for ours, theirs in zip(sorted(found), sorted(expected), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-9)


@pytest.mark.parametrize(
    ("cold_start_seconds", "limits", "modes"),
    [
        (100, {}, {"realtime", "serverless"}),
        (1800, {}, {"async", "serverless"}),
        (1800, {"max_p95_latency_ms": 1_400}, {"scale_to_zero", "serverless"}),
    ],
)
def test_the_front_equals_brute_force_where_modes_stand_beside_each_other(
    cold_start_seconds: float, limits: dict[str, float], modes: set[str]
) -> None:
    rare = {"requests_per_second": 0.5, "mean_requests_per_second": 0.01}
    asked = request(
        cpu(),
        gpu(usd={"us-east-1": 2.0}),
        asked=spec(
            limits,
            load=rare | {"active_hours_per_day": 20.0},
            hosting={"max_cold_start_seconds": cold_start_seconds},
        ),
        teachers=(tiny("teacher", hidden=256),),
        students=(tiny(hidden=192),),
    )
    pool = PoolBuilder(asked, ()).build()
    considered = pool.serving_side.mode_offers.modes
    assert {considered[position].name for position in pool.mode} == modes
    expected = front(feasible_candidates(asked, pairings_of(asked)))
    for ours, theirs in zip(sorted(planned_front(asked)), sorted(expected), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-9)


@settings(max_examples=16, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(asked=requests())
def test_every_plan_of_the_front_holds_every_constraint(asked: PlanningRequest) -> None:
    try:
        plans = plan_before_probing(asked)
    except NoFeasiblePlan:
        return
    limits = asked.spec.constraints
    for plan in (plans.chosen, *plans.fallbacks, *plans.alternatives.values(), *plans.front):
        for value, limit in (
            (plan.p95_latency_ms.value, limits.max_p95_latency_ms),
            (plan.hours_to_deploy.value, limits.max_training_hours),
            (plan.usd_to_deploy.value, limits.max_budget_usd),
            (plan.usd_per_month.value, limits.max_hosting_usd_per_month),
        ):
            assert limit is None or value <= limit
    assert plans.chosen == plans.front[0]


points = st.lists(st.tuples(*[st.integers(0, 6).map(float)] * 4), min_size=1, max_size=40).map(
    np.array
)


@given(found=points)
def test_non_dominated_rows_are_those_by_definition(found: np.ndarray) -> None:
    kept = {tuple(row) for row in found[non_dominated(found)].tolist()}
    assert kept == front([tuple(row) for row in found.tolist()])
    assert len(non_dominated(found)) == len(kept)


@given(found=points)
def test_the_front_is_rank_zero_of_pymoos_sorting(found: np.ndarray) -> None:
    _, rank = NonDominatedSorting().do(found, return_rank=True)
    best = {tuple(row) for row in found[np.asarray(rank) == 0].tolist()}
    assert best == {tuple(row) for row in found[non_dominated(found)].tolist()}


@given(found=points)
def test_scores_and_the_compromise_stay_within_the_front(found: np.ndarray) -> None:
    kept = found[non_dominated(found)]
    scaled = normalised(kept, np.full(4, 1e-3))
    achieved = scores(scaled, np.array([1.0, 2.0, 1.0, 0.5]))
    assert achieved.min() >= -1e-12
    assert achieved.max() <= 1 + 1e-12
    worst = scaled.max(axis=1)
    assert worst[compromise(scaled)] == pytest.approx(worst.min())


def test_a_range_too_narrow_to_tell_apart_does_not_count_in_full() -> None:
    pair = np.array([[0.0, 1.0], [0.01, 0.0]])
    scaled = normalised(pair, np.array([0.1, 0.1]))
    assert scaled.tolist() == [[0.0, 1.0], [pytest.approx(0.1), 0.0]]


def test_hypervolume_of_two_steps_is_their_union() -> None:
    steps = np.array([[1.0, 2.0], [2.0, 1.0], [9.0, 9.0]])
    assert hypervolume(steps, np.array([3.0, 3.0])) == pytest.approx(3.0)
    assert hypervolume(steps[2:], np.array([3.0, 3.0])) == 0.0
