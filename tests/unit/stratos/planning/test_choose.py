"""The two passes: what is chosen, why, and what is said where nothing fits."""

from __future__ import annotations

import pytest

from stratos.catalog.quotas import Quota, with_quotas
from stratos.contracts.plan import Plan
from stratos.errors import NoFeasiblePlan
from stratos.planning.choose import plan_after_probing, plan_before_probing, shortlist
from tests.unit.stratos.planning.planning_inputs import (
    catalog,
    cpu,
    gpu,
    model,
    paid,
    price,
    probe,
    request,
    spec,
    tiny,
)

FAST = gpu("ml.g2.xlarge", tflops=400, bandwidth=900, usd={"us-east-1": 4.0})
CHEAP = gpu("ml.g1.xlarge", tflops=60, bandwidth=200, usd={"us-east-1": 0.5})
TEACHER = model("teacher", 7.0, prior_accuracy=0.8)


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
    with pytest.raises(NoFeasiblePlan, match="max_p99_latency_ms: <= 1 was asked"):
        plan_before_probing(request(CHEAP, asked=asked))
    gate_only = spec({"max_p50_latency_ms": 1.0})
    assert plan_before_probing(request(CHEAP, asked=gate_only)).front_size >= 1


def test_what_cannot_be_had_is_named_with_the_best_attainable_and_a_nearest_plan() -> None:
    asked = spec({"max_p95_latency_ms": 1.0, "max_budget_usd": 1e6})
    with pytest.raises(NoFeasiblePlan) as refusal:
        plan_before_probing(request(CHEAP, asked=asked))
    message = str(refusal.value)
    assert "max_p95_latency_ms: <= 1 was asked, at best <=" in message
    assert "Nearest: max_p95_latency_ms:" in message
    assert "max_budget_usd" not in message


def test_the_nearest_plan_is_feasible_once_the_spec_is_relaxed_as_told() -> None:
    asked = {"max_p95_latency_ms": 5_000.0, "max_budget_usd": 0.3}
    with pytest.raises(NoFeasiblePlan) as refusal:
        plan_before_probing(request(FAST, CHEAP, asked=spec(asked)))
    nearest = str(refusal.value).partition("Nearest: ")[2].partition(" allows")[0]
    relaxed = dict(part.split(": ") for part in nearest.split(" and "))
    asked |= {name: float(value) for name, value in relaxed.items()}
    assert plan_before_probing(request(FAST, CHEAP, asked=spec(asked))).front_size >= 1


def test_constraints_that_clash_only_together_are_told_so() -> None:
    fast_only = plan_before_probing(request(FAST, asked=spec())).chosen
    cheap_only = plan_before_probing(request(CHEAP, asked=spec())).chosen
    clash = {
        "max_p95_latency_ms": fast_only.p95_latency_ms.value * 1.001,
        "max_hosting_usd_per_month": cheap_only.usd_per_month.value,
    }
    with pytest.raises(NoFeasiblePlan, match="can be held alone, but no plan holds all together"):
        plan_before_probing(request(FAST, CHEAP, asked=spec(clash)))


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


def test_a_student_that_missed_its_gate_is_not_chosen_again() -> None:
    other = model("other", 0.6, prior_accuracy=0.3)
    asked = request(CHEAP, students=(model(prior_accuracy=0.4), other))
    probes = [
        probe("teacher", "teacher", 150),
        probe("student", "student", 60),
        probe("other", "student", 50),
    ]
    assert plan_after_probing(asked, probes).plan.student == "student"
    again = plan_after_probing(asked, probes, frozenset({"student"}))
    assert again.plan.student == "other"
    assert "already missed its accuracy gate" in again.plans.rejected["student"]
    with pytest.raises(NoFeasiblePlan, match="no student is left"):
        plan_after_probing(asked, probes, frozenset({"student", "other"}))


def test_a_failed_probe_drops_its_candidate() -> None:
    asked = request(CHEAP, teachers=(TEACHER, model("lost", 7.0)))
    probes = [probe("teacher", "teacher", 150), probe("student", "student", 60)]
    plans = plan_after_probing(asked, probes).plans
    assert "its probe failed" in plans.rejected["lost"]


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


def test_without_gold_answers_a_weak_teacher_is_refused_with_the_reason() -> None:
    asked = request(CHEAP, asked=spec({"min_accuracy": 0.8}), facts={"num_gold": 0})
    probes = [probe("teacher", "teacher", 100), probe("student", "student", 60)]
    with pytest.raises(NoFeasiblePlan, match="imitation cannot be trusted"):
        plan_after_probing(asked, probes)


def test_spent_time_and_money_count_against_the_limits() -> None:
    asked = spec({"max_budget_usd": 100.0, "max_training_hours": 20.0})
    fresh = plan_before_probing(request(CHEAP, asked=asked)).chosen
    later = plan_before_probing(request(CHEAP, asked=asked, spent_usd=7.0, spent_hours=3.0)).chosen
    assert later.usd_to_deploy.value == pytest.approx(fresh.usd_to_deploy.value + 7.0)
    assert later.hours_to_deploy.value == pytest.approx(fresh.hours_to_deploy.value + 3.0)
    with pytest.raises(NoFeasiblePlan, match="max_budget_usd"):
        plan_before_probing(request(CHEAP, asked=asked, spent_usd=99.9))


def test_a_short_deadline_cuts_training_before_it_makes_a_plan_impossible() -> None:
    def chosen(constraints: dict[str, float]) -> Plan:
        asked = request(
            cpu(gflops=40),
            asked=spec(constraints, training={"method": "full", "epochs": 8}),
            teachers=(tiny("teacher", 160, 5),),
            students=(tiny(),),
            facts={"num_train": 7_000},
        )
        return plan_before_probing(asked).chosen

    unhurried = chosen({})
    hours = 0.7 * unhurried.hours_to_deploy.value
    hurried = chosen({"max_training_hours": hours})
    assert hurried.hours_to_deploy.value <= hours
    assert hurried.num_training_tokens < unhurried.num_training_tokens
    assert hurried.accuracy.value < unhurried.accuracy.value
    assert any("max_training_hours leaves time for" in c for c in hurried.caveats)


def test_a_model_under_another_licence_is_left_out_with_the_reason() -> None:
    asked = request(
        CHEAP,
        asked=spec({"licences": ["Apache-2.0"]}),
        students=(model("closed", 0.5, licence="LicenseRef-x"), model("open", 0.4)),
    )
    plans = plan_before_probing(asked)
    assert plans.chosen.student == "open"
    assert "LicenseRef-x is not among those allowed" in plans.rejected["closed"]


def test_a_price_that_is_an_assumption_is_never_chosen() -> None:
    assumed = gpu("ml.g3.xlarge", tflops=900, bandwidth=3000)
    assumed = assumed.model_copy(
        update={
            "prices": tuple(
                price("us-east-1", component, 0.01, grade="C")
                for component in ("training", "hosting")
            )
        }
    )
    plans = plan_before_probing(request(assumed, CHEAP))
    assert {plan.training.instance_type for plan in plans.front} == {"ml.g1.xlarge"}
    assert "grade C" in plans.rejected["ml.g3.xlarge"]
    with pytest.raises(NoFeasiblePlan, match="grade C"):
        plan_before_probing(request(assumed))


def test_a_server_without_quota_is_out_with_the_reason() -> None:
    quotas = {"ml.g2.xlarge": Quota(training=0, spot_training=0, hosting=2)}
    limited = with_quotas(catalog(FAST, CHEAP), quotas)
    plans = plan_before_probing(request(*limited.instance_types))
    assert all(plan.training.instance_type == "ml.g1.xlarge" for plan in plans.front)
    assert all(
        plan.serving.count <= 2
        for plan in plans.front
        if plan.serving.instance_type == "ml.g2.xlarge"
    )
    assert plans.rejected["ml.g2.xlarge for training jobs"] == "the account's quota is 0"


def test_a_teacher_without_a_price_is_not_free() -> None:
    asked = request(CHEAP, teachers=(paid("unpriced", None), TEACHER))
    assert plan_before_probing(asked).rejected["unpriced"] == "teacher: its price is unknown"


def test_a_paid_teacher_costs_its_tokens() -> None:
    def dollars(usd_out: float) -> float:
        asked = request(CHEAP, teachers=(paid(usd_out=usd_out),))
        return plan_before_probing(asked).alternatives["cheapest"].usd_to_deploy.value

    assert dollars(40.0) > dollars(4.0) + 5


def test_the_fleet_grows_with_the_load() -> None:
    def count(rate: float) -> int:
        asked = spec(load={"requests_per_second": rate}, preferences={"cost": 50})
        return plan_before_probing(request(CHEAP, asked=asked)).chosen.serving.count

    assert count(0.5) == 1
    assert count(80.0) > count(0.5)


def test_every_model_that_some_feasible_plan_uses_may_be_shortlisted() -> None:
    dominated = model("dearer", 7.5, prior_accuracy=0.8)
    asked = request(CHEAP, teachers=(TEACHER, dominated))
    assert all(plan.teacher == "teacher" for plan in plan_before_probing(asked).front)
    teachers, students = shortlist(asked)
    assert (list(teachers), list(students)) == (["teacher", "dearer"], ["student"])
    assert {name: plan.teacher for name, plan in teachers.items()} == {n: n for n in teachers}


def test_the_catalogs_own_long_lists_are_screened_by_score_and_price() -> None:
    many = tuple(paid(f"t{i}", 1.0 + i, prior_accuracy=0.5 + i / 100) for i in range(30))
    unscored = paid("unscored", 0.1)
    plans = plan_before_probing(request(CHEAP, teachers=(*many, unscored)))
    assert "name it in the spec" in plans.rejected["unscored"]
    assert len([n for n, why in plans.rejected.items() if "published scores" in why]) == 19
    assert plans.alternatives["most_accurate"].teacher == "t29"


def test_a_teacher_whose_distribution_cannot_be_read_is_left_out_where_it_is_needed() -> None:
    asked = request(FAST, asked=spec(training={"kd_weight": 0.5}), teachers=(TEACHER, paid()))
    plans = plan_before_probing(asked)
    assert {plan.teacher for plan in plans.front} == {"teacher"}
    assert "training.kd_weight needs" in plans.rejected[paid().name]


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


def test_reinforcement_takes_time_that_is_planned_for() -> None:
    def hours(**reinforcement: int) -> float:
        asked = spec(training={"max_steps": 100, "reinforcement": reinforcement})
        plans = plan_before_probing(request(FAST, asked=asked, teachers=(TEACHER,)))
        return plans.alternatives["soonest"].hours_to_deploy.value

    assert hours() < hours(steps=50) < hours(steps=500)
