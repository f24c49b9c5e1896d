"""What is said of a job's time limit."""

from __future__ import annotations

from stratos.contracts.time_limit import TimeLimit, ask_for


def test_a_limit_is_told_as_the_spec_has_it() -> None:
    assert TimeLimit(max_training_hours=0.5).told == "max_training_hours: 0.5"
    assert TimeLimit().told == "its deadline, since max_training_hours is not set"


def test_hours_are_asked_for_where_it_is_known_what_would_do() -> None:
    assert ask_for(1.5) == "; ask for at least 1.5"
    assert ask_for(None) == ""
