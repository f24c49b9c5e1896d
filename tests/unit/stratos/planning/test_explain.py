"""What is said where nothing fits."""

from __future__ import annotations

import pytest

from stratos.errors import NoFeasiblePlan
from stratos.planning.choose import plan_before_probing
from tests.unit.stratos.planning.planning_inputs import (
    CHEAP,
    FAST,
    cpu,
    model,
    request,
    spec,
    tiny,
)


def test_what_cannot_be_had_is_named_with_the_best_attainable_and_a_nearest_plan() -> None:
    asked = spec({"max_p95_latency_ms": 1.0, "max_budget_usd": 1e6})
    with pytest.raises(NoFeasiblePlan) as refusal:
        plan_before_probing(request(CHEAP, asked=asked))
    message = str(refusal.value)
    assert "max_p95_latency_ms: <= 1 ms was asked, at best <=" in message
    assert "Nearest:\n- max_p95_latency_ms:" in message
    assert "max_budget_usd" not in message


def test_the_nearest_plan_is_feasible_once_the_spec_is_relaxed_as_told() -> None:
    asked = {"max_p95_latency_ms": 5_000.0, "max_budget_usd": 0.3}
    with pytest.raises(NoFeasiblePlan) as refusal:
        plan_before_probing(request(FAST, CHEAP, asked=spec(asked)))
    nearest = str(refusal.value).partition("Nearest:\n- ")[2].partition(" allows")[0]
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


def test_a_precision_is_explained_by_what_the_others_take_and_lose() -> None:
    fast = {"accuracy": 0, "latency": 1, "time": 0, "cost": 0}
    students = (model("wide", 0.1, num_layers=6, hidden_size=512),)
    asked = request(
        cpu(), asked=spec(preferences=fast), teachers=(tiny("teacher"),), students=students
    )
    chosen = plan_before_probing(asked).chosen
    assert chosen.engine is not None
    head, _, others = chosen.precision_reason.partition("; on the same ml.local.cpu2: ")
    assert head.startswith(f"{chosen.engine.precision} (p95 {chosen.p95_latency_ms.value:,.0f} ms")
    assert "of answers lost, assumed until measured" in head
    assert "float16 (p95 " in others
    assert chosen.engine.precision not in others


def test_a_precision_of_gpus_is_not_explained() -> None:
    assert plan_before_probing(request(CHEAP)).chosen.precision_reason == ""


def test_large_numbers_are_written_out_and_relaxed_values_fit_into_a_spec() -> None:
    load = {"requests_per_second": 0.001, "prompt_tokens": 60_000, "output_tokens": 8_000}
    asked = spec({"max_p95_latency_ms": 20_000.0}, load=load)
    with pytest.raises(NoFeasiblePlan) as refusal:
        plan_before_probing(request(CHEAP, asked=asked))
    message = str(refusal.value)
    assert "max_p95_latency_ms: <= 20,000 ms was asked, at best <= " in message
    assert "e+" not in message
    relaxed = message.partition("Nearest:\n- max_p95_latency_ms: ")[2].partition(" ")[0]
    assert float(relaxed) > 20_000
    assert "," not in relaxed
