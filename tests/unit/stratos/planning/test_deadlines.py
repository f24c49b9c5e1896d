"""Each job has a share of the time that is left, its start included."""

from __future__ import annotations

import pytest

from stratos.contracts.time_limit import TimeLimit
from stratos.planning.deadlines import (
    MIN_SECONDS,
    TIME_SHARES,
    deadline_seconds,
    hours_for,
    rounded_up,
)
from stratos.planning.forecast.start_up import job_start
from stratos.spec import Constraints


@pytest.mark.parametrize("instance_type", ["ml.c7i.xlarge", "ml.g5.xlarge", "ml.local.cpu1"])
def test_the_jobs_of_a_run_end_within_its_hours_though_each_has_to_start(
    instance_type: str,
) -> None:
    limits = Constraints(max_training_hours=2.0)
    start = job_start(instance_type).seconds
    jobs = ("synthesize", "distill", "evaluate")
    taken = sum(start + deadline_seconds(job, limits, 0.5, start) for job in jobs)
    assert taken == pytest.approx(1.5 * 3600)
    assert sum(TIME_SHARES[job] for job in jobs) == pytest.approx(1.0)


def test_a_job_gets_a_minute_though_its_start_takes_all_that_is_left() -> None:
    limits = Constraints(max_training_hours=0.1)
    assert deadline_seconds("distill", limits, 0.0, 1000.0) == MIN_SECONDS


@pytest.mark.parametrize("seconds", [70.0, 600.0, 5_000.0, 90_000.0])
def test_the_hours_to_ask_for_give_a_job_its_seconds_and_hardly_more(seconds: float) -> None:
    spent = TimeLimit(max_training_hours=0.2, spent_hours=0.05, start_seconds=8.0)
    hours = hours_for("distill", seconds, spent)
    given = deadline_seconds("distill", Constraints(max_training_hours=hours), 0.05, 8.0)
    assert seconds <= given <= 1.2 * seconds + 60


@pytest.mark.parametrize(
    ("hours", "told"), [(0.0, 0.0), (0.2, 0.2), (0.831, 0.84), (3.41, 3.5), (99.2, 100.0)]
)
def test_hours_are_rounded_up_to_two_digits(hours: float, told: float) -> None:
    assert rounded_up(hours) == told
