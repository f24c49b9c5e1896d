"""Following a run until it ends, or nothing says that it will."""

from __future__ import annotations

import pytest

from stratos.cli.following import follow
from stratos.errors import RunLost, RunNotFound
from tests.unit.stratos.cli.stack_contents import begin_execution, put_run


def test_watch_waits_for_a_run_to_begin_and_gives_up_in_words(stack):
    naps: list[float] = []
    execution_arn = begin_execution(stack)

    def sleep(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 3:
            put_run(stack, "r-1", execution_arn=execution_arn)

    told: list[str] = []
    followed = follow(stack, "r-1", sleep=sleep, tell=told.append)
    assert [m.run.status for m in followed] == ["succeeded"]
    assert len(naps) == 3
    assert told == ["waiting up to 60 s for run r-1 to start"]
    with pytest.raises(RunNotFound, match="did not start within 5 s; the latest runs are: r-1"):
        list(follow(stack, "r-9", start_timeout_seconds=5, sleep=naps.append, tell=told.append))
    assert told[1:] == ["waiting up to 5 s for run r-9 to start"]


def test_a_run_that_has_begun_is_followed_without_a_word_before(stack):
    put_run(stack, "r-1", status="succeeded", execution_arn=begin_execution(stack))
    told: list[str] = []
    list(follow(stack, "r-1", tell=told.append))
    assert told == []


def test_a_run_that_does_not_begin_is_waited_for_aloud(stack):
    told: list[str] = []
    with pytest.raises(RunNotFound):
        list(
            follow(
                stack,
                "r-9",
                start_timeout_seconds=25,
                poll_seconds=5,
                sleep=lambda _: None,
                tell=told.append,
            )
        )
    assert told == [
        "waiting up to 25 s for run r-9 to start",
        "still waiting for run r-9 to start: 10 s",
        "still waiting for run r-9 to start: 20 s",
    ]


def test_a_run_whose_execution_is_gone_is_waited_for_aloud_until_its_end_is_reported(stack):
    lost = begin_execution(stack).rpartition(":")[0] + ":forgotten"
    put_run(stack, "r-1", status="running", execution_arn=lost)
    naps: list[float] = []

    def sleep(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 3:
            put_run(stack, "r-1", status="stopped", execution_arn=lost)

    told: list[str] = []
    statuses = [moment.run.status for moment in follow(stack, "r-1", sleep=sleep, tell=told.append)]
    assert statuses == ["running"] * 3 + ["stopped"]
    [line] = told
    assert line.startswith("the execution of run r-1 is gone (the embedded cloud lost it")
    assert line.endswith("; waiting up to 60 s for its end to be reported")


def test_a_run_whose_execution_is_gone_and_whose_end_nobody_reports_is_lost_in_words(stack):
    lost = begin_execution(stack).rpartition(":")[0] + ":forgotten"
    put_run(stack, "r-1", status="running", execution_arn=lost)
    with pytest.raises(RunLost, match="`stratos sweep` removes what it has made"):
        list(follow(stack, "r-1", poll_seconds=30, sleep=lambda _: None))
