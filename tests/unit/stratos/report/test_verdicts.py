"""Every verdict with its reason, and both on one scale."""

from __future__ import annotations

from typing import Any

import pytest

from stratos.pipeline.summary import ConstraintOutcome, RunSummary
from stratos.report.verdicts import VerdictLine, verdict_lines
from stratos.statistics.wilson import proportion
from tests.summaries import interval, measurement, plan, succeeded_run


def line(
    name: str, measured: float | None, passed: bool | None, asked: float = 0.9, **run: Any
) -> VerdictLine:
    outcome = ConstraintOutcome(
        name=name, asked=asked, predicted=interval(asked), measured=measured, passed=passed
    )
    [found] = verdict_lines(succeeded_run(constraints=(outcome,), **run))
    return found


def test_a_constraint_that_is_held_needs_no_reason() -> None:
    found = line("max_budget_usd", 0.1, True)
    assert (found.badge, found.why) == ("good", "")


@pytest.mark.parametrize(
    ("name", "measured", "reason"),
    [
        ("max_p95_latency_ms", 1.8, "0.9 ms (100%) beyond what was asked, and more than the"),
        ("max_p95_latency_ms", 1.8, "student-base: p95 latency 950 ms"),
        ("max_training_hours", 1.0, "Distill took 1 min 45 s of it"),
        ("max_budget_usd", 1.0, "Distill cost $0.0040 of it"),
        ("max_hosting_usd_per_month", 1.0, "1 × ml.local.cpu2 is $0.10 an hour"),
    ],
)
def test_what_is_missed_says_by_how_much_and_what_took_most(
    name: str, measured: float, reason: str
) -> None:
    slow = (measurement(plan("a"), 950.0),)
    found = line(name, measured, False, measurements=slow)
    assert found.badge == "bad"
    assert reason.replace("$0.0040", "$0.004") in found.why


def test_an_accuracy_that_is_missed_is_told_from_one_that_is_not_sure() -> None:
    assert (
        "33.0 points too few; the teacher itself is right on 1.0%"
        in line("min_accuracy", 0.53, False).why
    )
    unsure = line("min_accuracy", 0.53, False, asked=0.55).why
    assert "57.0% were right, which would do, but with 600 held-out records no more than" in unsure


def test_training_that_was_cut_short_is_a_reason() -> None:
    training = succeeded_run().training
    assert training is not None
    cut = training.model_copy(update={"cut_short": "ended at step 70 of 650; ask for 2 h"})
    assert "ended at step 70 of 650" in line("min_accuracy", 0.5, False, training=cut).why


def test_what_is_open_says_why_it_is() -> None:
    assert "raise load.measure_seconds" in line("max_p99_latency_ms", 0.5, None).why
    assert "before it was done" in line("max_training_hours", 0.5, None).why
    assert "nothing in this run measures it" in line("max_p95_latency_ms", None, None).why
    failed = line("max_p95_latency_ms", None, None, status="failed", reason="no capacity")
    assert failed.why == "the run ended before: no capacity"


def test_limit_forecast_and_measurement_are_drawn_on_one_scale() -> None:
    drawn = line("max_p95_latency_ms", 1.8, False).strip
    # From 0 to 5% beyond the largest of them: 0.9 lies at 1 + 98 × 0.9 / 1.89.
    assert 'class="limit" x1="47.67%"' in drawn
    assert 'cx="94.33%"' in drawn
    assert 'aria-label="max_p95_latency_ms: asked ≤ 0.9 ms, forecast 0.9' in drawn


def test_a_run_without_a_student_still_says_why_its_accuracy_is_missed() -> None:
    run: RunSummary = succeeded_run(student=None)
    found = line("min_accuracy", 0.5, False, student=None)
    assert run.student is None
    assert "the lower end of the interval is 50.0%" in found.why
    assert proportion(1, 2).lo < 0.5
