"""What is read of a run, and what is not read twice."""

from __future__ import annotations

import pytest

from stratos.errors import RunNotFound
from stratos.ui import run_facts
from stratos.ui.run_facts import RunReader
from tests.ui_runs import FINISHED, NOW, RUNNING


def test_a_finished_run_is_read_once_and_one_under_way_each_time(stack, states, monkeypatch):
    read = []

    def note(stack, arn, real=run_facts.read_execution):
        read.append(arn.rpartition(":")[2])
        return real(stack, arn)

    monkeypatch.setattr(run_facts, "read_execution", note)
    reader = RunReader()
    for run_id in (FINISHED, FINISHED, RUNNING, RUNNING):
        reader.now(stack, run_id, NOW)
    assert read == [FINISHED, RUNNING, RUNNING]


def test_a_report_is_final_and_what_is_known_so_far_is_not(stack, states):
    reader = RunReader()
    summary, final = reader.summary(stack, reader.now(stack, FINISHED, NOW), NOW)
    assert (summary.status, final) == ("succeeded", True)
    summary, final = reader.summary(stack, reader.now(stack, RUNNING, NOW), NOW)
    assert (summary.status, final) == ("running", False)


def test_progress_is_that_of_the_state_the_run_is_in(stack, states):
    found = RunReader().now(stack, RUNNING, NOW)
    assert found.share_done == 0.3
    assert found.doing.startswith("student 120/400 steps")
    arn = found.row.execution_arn
    status, events = states.executions[arn]
    states.executions[arn] = (status, events[:-1])  # it is still in Synthesize
    earlier = RunReader().now(stack, RUNNING, NOW)
    assert (earlier.progress, earlier.doing, earlier.share_done) == (None, None, None)


def test_an_unknown_run_is_none(stack, states):
    with pytest.raises(RunNotFound, match="no run 'nope'"):
        RunReader().now(stack, "nope", NOW)
