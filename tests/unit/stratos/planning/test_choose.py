"""The two passes: what is chosen, and why."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from stratos.catalog.model_card import ModelCard
from stratos.catalog.servers import ServerCatalog
from stratos.contracts.calibration import CalibrationRow
from stratos.contracts.plan import Plan, PlanSet
from stratos.errors import NoFeasiblePlan
from stratos.planning.candidates.pool_builder import PoolBuilder
from stratos.planning.choose import (
    in_full_precision,
    plan_after_probing,
    plan_before_probing,
    shortlist,
)
from stratos.planning.request import PlanningRequest
from stratos.spec import Spec
from tests.unit.stratos.planning.planning_inputs import (
    CHEAP,
    FAST,
    TEACHER,
    cpu,
    gpu,
    model,
    paid,
    probe,
    request,
    spec,
    tiny,
)
from tests.unit.stratos.planning.random_requests import requests


def test_weights_move_the_choice_along_the_front() -> None:
    def chosen(**preferences: float) -> str:
        wishes = {"accuracy": 0, "latency": 0, "time": 0, "cost": 0} | preferences
        asked = spec(preferences=wishes)
        return plan_before_probing(request(FAST, CHEAP, asked=asked)).chosen.serving.instance_type

    assert chosen(latency=1.0) == "ml.g2.xlarge"
    assert chosen(cost=1.0) == "ml.g1.xlarge"


def test_the_same_request_gives_the_same_plans() -> None:
    asked = request(FAST, CHEAP)
    first, second = plan_before_probing(asked), plan_before_probing(asked)
    assert first.model_copy(update={"seconds": 0}) == second.model_copy(update={"seconds": 0})


def test_named_alternatives_are_the_extremes_of_the_front() -> None:
    plans = plan_before_probing(request(FAST, CHEAP))
    extremes = plans.alternatives
    assert set(extremes) == {"cheapest", "fastest", "most_accurate", "soonest", "knee"}
    assert extremes["fastest"].p95_latency_ms.value == min(
        plan.p95_latency_ms.value for plan in plans.front
    )
    assert extremes["soonest"].hours_to_deploy.value == min(
        plan.hours_to_deploy.value for plan in plans.front
    )


def test_the_first_fallbacks_run_the_same_models_elsewhere() -> None:
    other = model("other", 1.0, prior_accuracy=0.5)
    asked = request(FAST, CHEAP, students=(model(prior_accuracy=0.4), other))
    plans = plan_before_probing(asked)
    chosen = (plans.chosen.teacher, plans.chosen.student)
    pairs = [(plan.teacher, plan.student) == chosen for plan in plans.fallbacks]
    assert pairs == sorted(pairs, reverse=True)
    assert pairs[0]
    assert plans.chosen.id not in [plan.id for plan in plans.fallbacks]


def test_a_constraint_binds_only_where_a_better_plan_breaks_it() -> None:
    loose = plan_before_probing(request(FAST, CHEAP, asked=spec({"max_budget_usd": 1e6})))
    assert loose.binding == ()
    free = plan_before_probing(request(FAST, CHEAP, asked=spec(preferences={"latency": 50})))
    limit = free.chosen.usd_per_month.value - 1
    tight = plan_before_probing(
        request(
            FAST,
            CHEAP,
            asked=spec({"max_hosting_usd_per_month": limit}, preferences={"latency": 50}),
        )
    )
    assert tight.binding == ("max_hosting_usd_per_month",)


def test_probes_can_overturn_the_first_choice_and_say_so() -> None:
    strong = model("strong", 7.0, prior_accuracy=0.9)
    weak = model("weak", 7.0, prior_accuracy=0.5)
    asked = request(CHEAP, asked=spec(preferences={"accuracy": 10}), teachers=(strong, weak))
    assert plan_before_probing(asked).chosen.teacher == "strong"
    probes = [
        probe("strong", "teacher", 20),
        probe("weak", "teacher", 180),
        probe("student", "student", 10),
    ]
    matching = plan_after_probing(asked, probes)
    assert matching.plan.teacher == "weak"
    assert matching.strategy == "alignment"
    assert matching.overturned is not None
    assert "teacher: strong → weak" in matching.overturned


def test_a_teacher_that_cannot_answer_but_can_explain_injects() -> None:
    asked = request(
        cpu("ml.local.cpu1", 100, 0.05),
        cpu("ml.local.cpu2", 200, 0.10),
        asked=spec(
            {
                "min_accuracy": 0.45,
                "max_p95_latency_ms": 2_000,
                "max_training_hours": 0.1,
                "max_budget_usd": 1.0,
            },
            synthesis={"max_new_tokens": 64},
            training={"method": "full", "optimizer": "muon"},
        ),
        teachers=(tiny("teacher", 160, 5),),
        students=(tiny(),),
        facts={"num_train": 7_000, "num_gold": 8_000, "prompt_tokens": 25.0},
    )
    probes = [probe("teacher", "teacher", 3), probe("student", "student", 0)]
    matching = plan_after_probing(asked, probes)
    assert matching.strategy == "injection"
    assert "1.5% (3 of 200" in matching.reason
    assert matching.plan.hours_to_deploy.value <= 0.1
    assert matching.plan.training.instance_type == "ml.local.cpu2"
    assert matching.plan.method == "full"


def test_every_model_that_some_feasible_plan_uses_may_be_shortlisted() -> None:
    dominated = model("dearer", 7.5, prior_accuracy=0.8)
    asked = request(CHEAP, teachers=(TEACHER, dominated))
    assert all(plan.teacher == "teacher" for plan in plan_before_probing(asked).front)
    teachers, students = shortlist(asked)
    assert (list(teachers), list(students)) == (["teacher", "dearer"], ["student"])
    assert {name: plan.teacher for name, plan in teachers.items()} == {n: n for n in teachers}


@settings(max_examples=16, suppress_health_check=[HealthCheck.too_slow])
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


def on_a_cpu(asked: Spec | None = None, **card: Any) -> PlanSet:
    return plan_before_probing(
        request(cpu(), asked=asked or spec(), teachers=(tiny("teacher"),), students=(wide(**card),))
    )


def wide(**fields: Any) -> ModelCard:
    return model("wide", 0.1, num_layers=6, hidden_size=512, **fields)


def test_each_precision_of_a_cpu_is_a_plan_of_its_own() -> None:
    held = {plan.engine.precision for plan in on_a_cpu().front if plan.engine}
    assert held >= {"float16", "q8_0"}


@pytest.mark.parametrize("stored_in_32_bits", [True, False])
def test_only_a_base_of_32_bits_is_served_in_them(stored_in_32_bits: bool) -> None:
    pool = PoolBuilder(
        request(
            cpu(),
            asked=spec(load={"requests_per_second": 0.2}),
            teachers=(tiny("teacher"),),
            students=(wide(float32_weights=stored_in_32_bits),),
        ),
        (),
    ).build()
    held = {pairing.serving.on_cpus for pairing in pool.pairings}
    assert ("float32" in held) is stored_in_32_bits


def test_gpus_serve_in_the_precision_of_training_and_cpus_in_each_of_theirs() -> None:
    asked = request(gpu(), cpu(), teachers=(tiny("teacher"),), students=(wide(),))
    pool = PoolBuilder(asked, ()).build()
    held: dict[str, set[str]] = {"cuda": set(), "cpu": set()}
    for row in range(len(pool)):
        pairing = pool.pairings[pool.pairing[row]]
        instance = pool.serving.rows[pool.serving_row[row]].instance
        assert instance.runtime == pairing.served_on
        held[instance.runtime].add(pairing.serving.precision(instance))
    assert held == {"cuda": {"float32", "bfloat16"}, "cpu": {"float16", "q8_0", "q4_k_m"}}
    candidates = [
        (pairing.method, pairing.precision, pairing.served_on, pairing.serving.on_cpus)
        for pairing in pool.pairings
    ]
    assert len(set(candidates)) == len(candidates)


def test_a_precision_that_the_spec_names_is_the_only_one_on_cpus() -> None:
    plans = on_a_cpu(spec(hosting={"precision": "q4_k_m"}))
    assert {plan.engine.precision for plan in plans.front if plan.engine} == {"q4_k_m"}


@pytest.mark.parametrize("precision", ["auto", "q8_0"])
def test_a_quantised_choice_carries_the_same_training_in_full_precision(precision: str) -> None:
    fast = {"accuracy": 0, "latency": 1, "time": 0, "cost": 0}
    plans = on_a_cpu(spec(preferences=fast, hosting={"precision": precision}))
    chosen, full = plans.chosen, plans.alternatives["full_precision"]
    assert chosen.engine is not None
    assert full.engine is not None
    assert (chosen.engine.is_quantised, full.engine.precision) == (True, "float16")
    same = ("teacher", "student", "method", "precision", "training", "strategy")
    assert all(getattr(full, name) == getattr(chosen, name) for name in same)
    assert full.accuracy.value > chosen.accuracy.value
    assert full.serving.region == chosen.serving.region


def test_a_choice_in_full_precision_needs_no_other() -> None:
    plans = on_a_cpu(spec(hosting={"precision": "float16"}))
    assert "full_precision" not in plans.alternatives


def test_full_precision_is_told_even_if_it_misses_a_limit() -> None:
    fast = {"accuracy": 0, "latency": 1, "time": 0, "cost": 0}
    quickest = on_a_cpu(spec(preferences=fast)).chosen
    limit = {"max_p95_latency_ms": quickest.p95_latency_ms.value * 1.001}
    plans = on_a_cpu(spec(limit))
    assert plans.chosen.engine is not None
    assert plans.chosen.engine.is_quantised
    full = plans.alternatives["full_precision"]
    assert full.p95_latency_ms.value > limit["max_p95_latency_ms"]


def test_full_precision_breaks_no_limit_that_nothing_measures() -> None:
    asked = request(cpu(), asked=spec(), teachers=(tiny("teacher"),), students=(wide(),))
    pool = PoolBuilder(asked, ()).build()
    row = next(n for n in range(len(pool)) if pool.pairings[pool.pairing[n]].quantised_to)
    region = pool.serving.rows[pool.serving_row[row]].region

    def in_full(**limits: float) -> Plan | None:
        limited = asked.model_copy(update={"spec": spec(limits)})
        return in_full_precision(limited, pool, pool.trained(row), (region,))

    for name in ("max_p95_latency_ms", "max_usd_per_1000_requests"):
        assert in_full(**{name: 1e-6}) is not None
    for name in ("max_hosting_usd_per_month", "max_budget_usd", "max_training_hours"):
        assert in_full(**{name: 1e-6}) is None


def test_a_precision_that_is_sure_to_cost_too_much_is_ruled_out_with_the_figures() -> None:
    plans = on_a_cpu(spec(hosting={"max_accuracy_loss": 0.0001}))
    assert "q4_k_m" not in {plan.engine.precision for plan in plans.front if plan.engine}
    assert "hosting.max_accuracy_loss is 0.0%" in plans.rejected["wide in q4_k_m"]


def test_every_plan_says_what_its_engine_is_told() -> None:
    asked = request(gpu(), cpu(), teachers=(tiny("teacher"),), students=(wide(),))
    plans = plan_before_probing(asked)
    every = [plans.chosen, *plans.fallbacks, *plans.alternatives.values(), *plans.front]
    for plan in every:
        assert plan.engine is not None
        on_gpu = plan.serving.instance_type.startswith("ml.g")
        assert plan.engine.name == ("vllm" if on_gpu else "llama_cpp")
        assert plan.engine.slots >= 1
        assert plan.engine.memory_gib > 0
        assert plan.engine.context_tokens >= 512


SMOLLM2 = model(
    "smollm2",
    num_parameters=134_515_008,
    num_active_parameters=134_515_008,
    num_layers=30,
    hidden_size=576,
    num_heads=9,
    num_kv_heads=3,
    head_dim=64,
    intermediate_size=1_536,
    vocabulary_size=49_152,
)


def on_aws(below_limit: str) -> PlanSet:
    """A real model on the real catalog, with a latency that any server reaches."""
    asked = spec(
        {"max_p95_latency_ms": 3_000},
        load={"requests_per_second": 0.3, "prompt_tokens": 60, "output_tokens": 12},
        preferences={"latency_below_limit": below_limit},
    )
    request_ = request(asked=asked, teachers=(paid(),), students=(SMOLLM2,))
    return plan_before_probing(request_.model_copy(update={"servers": ServerCatalog.aws()}))


def test_no_money_buys_latency_that_nobody_asked_for() -> None:
    chosen = on_aws("enough").chosen
    assert chosen.p95_latency_ms.value <= 3_000
    assert chosen.usd_per_month.value < 150
    faster = on_aws("counts").chosen
    assert faster.p95_latency_ms.value < chosen.p95_latency_ms.value
    assert faster.usd_per_month.value > 5 * chosen.usd_per_month.value


def test_the_front_and_its_extremes_are_the_same_whatever_a_latency_below_the_limit_is_worth() -> (
    None
):
    enough, counts = on_aws("enough"), on_aws("counts")
    assert enough.front_size == counts.front_size
    latencies = [plans.alternatives["fastest"].p95_latency_ms.value for plans in (enough, counts)]
    assert latencies[0] == latencies[1]


def test_a_latency_above_none_that_was_asked_for_counts_in_full() -> None:
    wishes = {"accuracy": 0, "latency": 1.0, "time": 0, "cost": 0}
    free = plan_before_probing(request(FAST, CHEAP, asked=spec(preferences=wishes))).chosen
    limit = {"max_p99_latency_ms": 100 * free.p95_latency_ms.value}
    limited = plan_before_probing(request(FAST, CHEAP, asked=spec(limit, preferences=wishes)))
    assert limited.chosen.serving == free.serving


def unlikely(**fields: Any) -> PlanningRequest:
    """Every plan is forecast far below the accuracy that is asked for, and may still reach it."""
    return request(
        CHEAP,
        asked=spec({"min_accuracy": 0.8}),
        teachers=(model("unknown", 7.0),),
        facts={"num_gold": 0},
        **fields,
    )


def test_a_plan_that_is_forecast_to_miss_a_constraint_says_so_with_the_figures() -> None:
    plans = plan_before_probing(unlikely())
    for plan in (plans.chosen, *plans.front, *plans.alternatives.values()):
        assert plan.accuracy.value < 0.8
        (miss,) = plan.misses
        assert miss.startswith(f"min_accuracy: {plan.accuracy.value:.2f} is forecast")
        assert miss.endswith("0.8 was asked")
    modest = plan_before_probing(request(CHEAP, asked=spec({"min_accuracy": 0.05})))
    assert modest.chosen.misses == ()


def test_no_plan_is_called_most_accurate_that_is_forecast_to_miss_the_accuracy() -> None:
    plans = plan_before_probing(unlikely())
    assert "most_accurate" not in plans.alternatives
    nearest = plans.alternatives["nearest_to_min_accuracy"]
    assert nearest.accuracy.value == max(plan.accuracy.value for plan in plans.front)


def test_plans_that_are_expected_to_hold_come_before_those_that_only_may() -> None:
    cheap_first = {"accuracy": 0, "latency": 0, "time": 0, "cost": 1.0}
    students = (model("small", 0.3, prior_accuracy=0.2), model("large", 4.0, prior_accuracy=0.75))
    free = plan_before_probing(
        request(FAST, CHEAP, asked=spec(preferences=cheap_first), students=students)
    )
    assert free.chosen.student == "small"
    between = free.chosen.accuracy.value + 0.05
    limited = plan_before_probing(
        request(
            FAST,
            CHEAP,
            asked=spec({"min_accuracy": between}, preferences=cheap_first),
            students=students,
        )
    )
    assert limited.chosen.misses == ()
    assert any(plan.misses for plan in limited.front)
    held = [not plan.misses for plan in limited.front]
    assert held == sorted(held, reverse=True)


@pytest.mark.parametrize("probed", [False, True])
def test_what_other_runs_taught_rules_nothing_out_before_a_probe(probed: bool) -> None:
    poor = tuple(
        CalibrationRow(
            run_id=f"run-{number}",
            instance_type="ml.g1.xlarge",
            quantity="accuracy",
            num_parameters=500_000_000,
            predicted=0.8,
            measured=0.04,
        )
        for number in range(6)
    )
    asked = request(CHEAP, asked=spec({"min_accuracy": 0.6}))
    taught = asked.model_copy(update={"calibration": poor})
    if not probed:
        (miss,) = plan_before_probing(taught).chosen.misses
        assert miss.startswith("min_accuracy")
        return
    probes = [probe("teacher", "teacher", 100), probe("student", "student", 10)]
    with pytest.raises(NoFeasiblePlan, match="min_accuracy"):
        plan_after_probing(taught, probes)
