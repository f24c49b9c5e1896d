"""What counts as an overtaking in the queue."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from benchmarks.many_runs import Wait, overtakings

BEGAN = datetime(2026, 11, 24, 8, tzinfo=UTC)


def wait(run_id: str, arrived: int, asked: int, given: int) -> Wait:
    return Wait(run_id, *(BEGAN + timedelta(seconds=s) for s in (arrived, asked, given)))


def test_a_later_run_that_got_its_place_before_one_that_had_asked_is_found() -> None:
    early, late = wait("early", 0, 5, 100), wait("late", 1, 6, 50)
    assert overtakings([early, late], slack_seconds=2) == [("late", "early")]


def test_a_place_that_was_given_before_the_earlier_run_asked_is_in_order() -> None:
    early, late = wait("early", 0, 30, 100), wait("late", 1, 6, 7)
    assert overtakings([early, late], slack_seconds=2) == []
    assert overtakings([wait("early", 0, 5, 50), wait("late", 1, 6, 51)], slack_seconds=2) == []
