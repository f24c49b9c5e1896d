"""Stopping a run by hand."""

from __future__ import annotations

import pytest

from stratos.errors import RunLost
from tests.unit.stratos.cli.stack_contents import begin_execution, put_run, run


def test_a_run_that_is_over_is_left_alone(stack):
    put_run(stack, "r-1", status="failed", ended_at="2026-11-24T09:00:00+00:00")
    assert run("stop", "r-1") == (0, "run r-1 has ended already: failed\n")


def test_a_running_run_is_stopped_and_says_how_to_see_it_end(stack):
    execution = begin_execution(stack)
    put_run(stack, "r-1", status="running", execution_arn=execution)
    code, out = run("stop", "r-1")
    assert code == 0
    assert "`stratos watch r-1` shows it end" in out
    described = stack.states.describe_execution(executionArn=execution)
    assert described["status"] == "ABORTED"


def test_a_run_whose_execution_is_gone_says_what_becomes_of_what_it_made(stack):
    lost = begin_execution(stack).rpartition(":")[0] + ":forgotten"
    put_run(stack, "r-1", status="running", execution_arn=lost)
    with pytest.raises(RunLost, match=r"nothing of run r-1 goes on: .* removed by `stratos sweep`"):
        run("stop", "r-1")
