"""The figures that the report and the terminal show."""

from __future__ import annotations

from stratos.contracts.plan import PlannedHosting
from stratos.hosting.modes.table import told_measurement
from stratos.pipeline.summary import ConstraintOutcome, RunSummary, ServedSummary
from stratos.report.figures import (
    accuracy_rows,
    comparison_rows,
    constraint_rows,
    engine_told,
    latency,
    measurement_rows,
)
from tests import factories
from tests.summaries import measurement, plan, succeeded_run


def test_an_endpoint_is_told_as_it_was_measured_and_not_as_it_was_planned():
    serverless = PlannedHosting(mode="serverless", reason="")
    moved = measurement(plan("a").model_copy(update={"hosting": serverless}))
    other = measurement(plan("b")).model_copy(update={"mode": "serverless"})
    rows = measurement_rows(succeeded_run(measurements=(moved, other)))
    assert [row.server for row in rows] == ["1× ml.local.cpu2", "serverless"]
    assert "on 1 × ml.local.cpu2 in us-east-1: " in told_measurement(moved)
    assert "on a serverless endpoint in us-east-1 " in told_measurement(other)


def served() -> RunSummary:
    found = factories.evaluated_quantised(354, 360)
    summary = ServedSummary(
        scored_through=found.engine,
        precision=found.precision,
        engine=factories.engine("q8_0"),
        beside=found.full_precision,
    )
    return succeeded_run(served=summary)


def test_the_students_accuracy_names_precision_and_engine_with_full_precision_beside_it() -> None:
    first, second, *_ = accuracy_rows(served())
    assert first.name == "student (student-base) in q8_0 through llama.cpp b10566"
    assert (second.name, second.accuracy.successes) == ("the same in float16", 360)
    names = {row.name for row in comparison_rows(served())}
    assert names == {"student", "the same in float16"}


def test_the_engine_is_told_with_its_context_and_slots() -> None:
    assert engine_told(served()) == (
        "llama.cpp in q8_0: 8 requests at once, each with a context of 1,024 tokens; "
        "1.5 GiB forecast"
    )
    assert engine_told(succeeded_run()) is None


def test_what_cannot_be_said_of_a_constraint_says_why() -> None:
    def verdict(name: str, measured: float | None) -> str:
        outcome = ConstraintOutcome(
            name=name, asked=8.0, predicted=None, measured=measured, passed=None
        )
        [row] = constraint_rows(succeeded_run(constraints=(outcome,)))
        return row.verdict

    assert verdict("max_p99_latency_ms", 4.0) == "too few requests"
    assert verdict("max_p99_latency_ms", None) == "not measured"
    assert verdict("max_training_hours", 4.0) == "open"
    assert verdict("max_budget_usd", 0.0) == "open"


def test_a_latency_that_was_not_measured_is_a_dash() -> None:
    assert latency(None) == "–"


def test_a_limit_that_nobody_asked_for_is_called_chosen_by_default() -> None:
    outcome = ConstraintOutcome(
        name="max_budget_usd", asked=80, predicted=None, measured=1, passed=True, by_default=True
    )
    [row] = constraint_rows(succeeded_run(constraints=(outcome,)))
    assert row.asked.endswith(", chosen by default")
