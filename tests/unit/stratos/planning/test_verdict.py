"""Every constraint against a plan, in a table's words."""

from __future__ import annotations

from typing import Any

import pytest

from stratos.contracts.plan import ForecastVerdict, Interval, PlannedStep
from stratos.errors import NoFeasiblePlan
from stratos.planning.choose import plan_after_probing, plan_before_probing
from stratos.planning.nearest import plan_or_nearest
from stratos.planning.verdict import asked_text, finding_out, forecast_text, verdicts
from stratos.spec.default_budget import with_default_budget
from tests.unit.stratos.planning.planning_inputs import CHEAP, probe, request, spec

EVERY = {
    "min_accuracy": 0.3,
    "max_p50_latency_ms": 1e6,
    "max_p95_latency_ms": 1e6,
    "max_p99_latency_ms": 1e6,
    "max_training_hours": 1e4,
    "max_budget_usd": 1e6,
    "max_hosting_usd_per_month": 1e6,
    "max_usd_per_1000_requests": 1e6,
    "regions": ["us-east-1", "eu-west-1"],
    "licences": ["Apache-2.0", "MIT"],
}


def told(constraints: dict[str, Any], **fields: Any) -> dict[str, ForecastVerdict]:
    plans = plan_before_probing(request(CHEAP, asked=spec(constraints), **fields))
    return {verdict.name: verdict for verdict in plans.verdicts}


def test_every_constraint_that_was_asked_has_a_row_and_no_other() -> None:
    assert list(told(EVERY)) == list(EVERY)
    assert list(told({"max_budget_usd": 100.0})) == ["max_budget_usd"]
    assert told({}) == {}


def test_what_holds_over_all_of_its_interval_holds_and_else_it_is_likely() -> None:
    plan = plan_before_probing(request(CHEAP)).chosen
    usd = plan.usd_to_deploy
    assert told({"max_budget_usd": usd.hi * 1.01})["max_budget_usd"].outcome == "holds"
    assert told({"max_budget_usd": usd.value * 1.01})["max_budget_usd"].outcome == "likely"
    (row,) = verdicts(request(CHEAP, asked=spec({"max_budget_usd": usd.value * 0.99})), plan)
    assert row.outcome == "misses"


def test_accuracy_is_not_known_before_probing_and_finding_out_has_a_price() -> None:
    row = told({"min_accuracy": 0.3})["min_accuracy"]
    plan = plan_before_probing(request(CHEAP, asked=spec({"min_accuracy": 0.3}))).chosen
    assert row.outcome == "unknown"
    assert row.note.endswith(f"probing tells: {finding_out(plan)}")
    assert finding_out(plan).startswith("$")


def test_accuracy_is_judged_once_it_was_probed() -> None:
    probes = [probe("teacher", "teacher", 190), probe("student", "student", 100)]

    def judged(least: float) -> ForecastVerdict:
        asked = request(CHEAP, asked=spec({"min_accuracy": least}))
        (row,) = plan_after_probing(asked, probes).plans.verdicts
        return row

    assert judged(0.05).outcome == "holds"
    row = judged(0.88)
    assert row.outcome == "misses"
    assert "500 held-out records" in row.note
    assert row.note.endswith("it may still hold")


def test_accuracy_that_no_model_could_reach_is_missed_before_it_was_probed() -> None:
    asked = request(CHEAP, asked=spec({"min_accuracy": 0.99}))
    found = plan_or_nearest(asked)
    (row,) = found.verdicts
    assert found.infeasible
    assert row.outcome == "misses"
    assert row.note.endswith("it could not hold even at best")


def test_the_99th_percentile_is_left_to_the_endpoint_unless_the_95th_is_too_slow() -> None:
    row = told({"max_p99_latency_ms": 1e6})["max_p99_latency_ms"]
    assert (row.outcome, row.forecast) == ("unknown", None)
    plan = plan_before_probing(request(CHEAP)).chosen
    (slow,) = verdicts(request(CHEAP, asked=spec({"max_p99_latency_ms": 1.0})), plan)
    assert slow.outcome == "misses"


def test_names_that_are_allowed_are_shown_beside_those_of_the_plan() -> None:
    rows = told(EVERY)
    assert rows["regions"].outcome == rows["licences"].outcome == "holds"
    assert asked_text(rows["licences"]) == "Apache-2.0, MIT"
    assert forecast_text(rows["regions"]) == "us-east-1"


def test_a_row_is_written_in_the_unit_of_its_constraint() -> None:
    forecast = Interval(value=21_000.0, lo=10_000.0, hi=40_000.0)
    row = ForecastVerdict(
        name="max_p95_latency_ms", asked=20_000.0, forecast=forecast, outcome="misses"
    )
    assert asked_text(row) == "≤ 20,000 ms"
    assert forecast_text(row) == "21,000 (10,000–40,000) ms"
    assert forecast_text(row.model_copy(update={"forecast": None})) == "–"
    least = ForecastVerdict(name="min_accuracy", asked=0.45, forecast=None, outcome="unknown")
    assert asked_text(least) == "≥ 0.45"


@pytest.mark.parametrize(
    ("hours", "told"),
    [(0.004, "$0.50 and 14 s"), (0.1, "$0.50 and 6 min"), (1.25, "$0.50 and 1.25 h")],
)
def test_the_price_of_finding_out_is_told_in_a_fitting_unit(hours: float, told: str) -> None:
    plan = plan_before_probing(request(CHEAP)).chosen
    probing = plan.model_copy(update={"steps": (PlannedStep(step="probe", hours=hours, usd=0.5),)})
    assert finding_out(probing) == told
    assert finding_out(plan.model_copy(update={"steps": ()})) == ""


def test_a_budget_that_nobody_asked_for_is_called_chosen_by_default() -> None:
    asked = with_default_budget(spec({}), 100)
    plans = plan_before_probing(request(CHEAP, asked=asked))
    (verdict,) = plans.verdicts
    assert asked_text(verdict) == "≤ $100, chosen by default"
    assert verdict.by_default
    with pytest.raises(
        NoFeasiblePlan, match=r"max_budget_usd: <= \$0.000000001 is the default, at best"
    ):
        plan_before_probing(request(CHEAP, asked=with_default_budget(spec({}), 1e-9)))
