"""Every candidate: the pairings, and the exact front of each."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from stratos.catalog.servers import InstanceType
from stratos.errors import NoFeasiblePlan
from stratos.planning.candidates.pool_builder import PoolBuilder
from stratos.planning.choose import plan_after_probing, plan_before_probing
from stratos.planning.front import non_dominated
from stratos.planning.limits import feasible, limits_of
from stratos.planning.request import PlanningRequest
from tests.unit.stratos.planning.brute_force import (
    Objectives,
    covers,
    feasible_candidates,
    front,
    pairings_of,
)
from tests.unit.stratos.planning.planning_inputs import (
    CHEAP,
    FAST,
    TEACHER,
    cpu,
    gpu,
    model,
    probe,
    request,
    spec,
    tiny,
)
from tests.unit.stratos.planning.random_requests import requests, requests_over_regions


def test_a_model_may_be_teacher_and_student_under_one_name() -> None:
    asked = request(
        CHEAP, teachers=(model("qwen", 7.0),), students=(model("qwen", 0.5), model("b", 0.4))
    )
    probes = [
        probe("qwen", "teacher", 150),
        probe("qwen", "student", 60),
        probe("b", "student", 10),
    ]
    assert plan_after_probing(asked, probes).plan.accuracy.value > 0.3


def test_cpus_serve_no_more_context_than_llama_cpp_computes_as_trained() -> None:
    limits = {"context_tokens": 8_192, "llama_cpp_context_tokens": 768}
    student = tiny().model_copy(update=limits)

    def asked(longest: float, *servers: InstanceType) -> PlanningRequest:
        return request(
            *servers,
            teachers=(tiny("teacher", 160, 5),),
            students=(student,),
            facts={"longest_prompt_tokens": longest},
        )

    engine = plan_before_probing(asked(200.0, cpu())).chosen.engine
    assert engine is not None
    assert engine.context_tokens == 768
    plans = plan_before_probing(asked(600.0, CHEAP, cpu()))
    assert "context of 768 tokens cannot hold" in plans.rejected["student on CPUs"]
    engines = [plan.engine for plan in plans.front if plan.engine is not None]
    assert {(engine.name, engine.context_tokens > 768) for engine in engines} == {("vllm", True)}


def test_without_gold_answers_a_weak_teacher_is_refused_with_the_reason() -> None:
    asked = request(CHEAP, asked=spec({"min_accuracy": 0.8}), facts={"num_gold": 0})
    probes = [probe("teacher", "teacher", 100), probe("student", "student", 60)]
    with pytest.raises(NoFeasiblePlan, match="imitation cannot be trusted"):
        plan_after_probing(asked, probes)


def test_a_pair_of_different_tokenizers_is_refused_with_the_fallback_named() -> None:
    training = {"kd_weight": 0.5}
    probes = (
        probe("teacher", "teacher", 180).model_copy(update={"tokenizer_hash": "one"}),
        probe("student", "student", 10).model_copy(update={"tokenizer_hash": "other"}),
    )
    asked = request(FAST, asked=spec(training=training), teachers=(TEACHER,))
    with pytest.raises(NoFeasiblePlan, match=r"set training\.kd_weight to 0 to distil from"):
        plan_after_probing(asked, probes)
    for spoken in ({"kd_weight": 0.0}, training | {"cross_tokenizer": "align"}):
        asked = request(FAST, asked=spec(training=spoken), teachers=(TEACHER,))
        assert plan_after_probing(asked, probes).plan.teacher == "teacher"


def test_a_student_that_llama_cpp_cannot_serve_is_planned_for_gpus_only() -> None:
    why = "models of type 'gemma3' cannot be written for llama.cpp yet"
    students = (tiny("plain", hidden=192), tiny("unlike", hidden=192))
    unlike = students[1].model_copy(update={"llama_cpp_obstacle": why})
    asked = request(cpu(), gpu(), teachers=(TEACHER,), students=(students[0], unlike))
    pool = PoolBuilder(asked, ()).build()
    served_on = {
        name: {p.served_on for p in pool.pairings if p.student.name == name}
        for name in ("plain", "unlike")
    }
    assert served_on == {"plain": {"cpu", "cuda"}, "unlike": {"cuda"}}
    assert pool.rejected["unlike on CPUs"] == why


def test_on_cpus_alone_it_is_refused_before_anything_is_paid_and_the_reason_is_told() -> None:
    why = "models of type 'gemma3' cannot be written for llama.cpp yet"
    unlike = tiny().model_copy(update={"llama_cpp_obstacle": why})
    asked = request(cpu(), teachers=(tiny("teacher", hidden=256),), students=(unlike,))
    with pytest.raises(NoFeasiblePlan, match=f"student on CPUs: {why}"):
        plan_before_probing(asked)


def planned_front(asked: PlanningRequest) -> set[Objectives]:
    pool = PoolBuilder(asked, ()).build()
    rows = np.flatnonzero(feasible(limits_of(asked, pool), len(pool)))
    points = pool.objectives[rows]
    return {tuple(row) for row in points[non_dominated(points)].tolist()}


@settings(max_examples=16, suppress_health_check=[HealthCheck.too_slow])
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


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(asked=requests_over_regions())
def test_the_front_over_regions_equals_brute_force_on_small_catalogs(
    asked: PlanningRequest,
) -> None:
    try:
        pairings = pairings_of(asked)
    except NoFeasiblePlan:
        return
    expected = feasible_candidates(asked, pairings)
    found = planned_front(asked)
    assert covers(found, expected)
    assert covers(expected, found)


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


def test_calls_are_forecast_as_imitated_before_a_teacher_is_probed() -> None:
    weak = model("weak", 7.0, prior_accuracy=0.02)
    task = {"dataset": "dataset.jsonl", "verifier": {"kind": "tool_call"}}
    for asked, likely in ((spec(), "injection"), (spec(task=task), "alignment")):
        pairings = pairings_of(request(CHEAP, asked=asked, teachers=(weak,)))
        assert {pairing.likely for pairing in pairings} == {likely}
