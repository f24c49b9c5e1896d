"""An execution's history, read as visits to states."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from stratos.ui.execution import Execution, read_execution
from tests.ui_runs import BEGAN, DEFINITION, FINISHED, RUNNING, WAY, history


def test_states_are_visited_one_after_the_other_and_the_last_is_open():
    execution = Execution(DEFINITION, tuple(history(["ClaimRun", "ParseConstraints"])), "RUNNING")
    first, second = execution.entered()
    assert (first.name, first.at, first.left_at) == ("ClaimRun", BEGAN, second.at)
    assert (second.name, second.left_at, second.failed) == ("ParseConstraints", None, False)


def test_what_leaves_by_an_error_alone_has_failed():
    names = ["Synthesize", "DiagnoseSynthesize", "ShouldRetrySynthesize", "Synthesize", "Distill"]
    execution = Execution(DEFINITION, tuple(history(names)), "RUNNING")
    assert [visit.failed for visit in execution.entered()] == [True, False, False, False, False]


def test_the_state_in_which_an_execution_was_stopped_has_failed():
    execution = Execution(DEFINITION, tuple(history(["Distill"], "ExecutionAborted")), "ABORTED")
    (visit,) = execution.entered()
    assert visit.failed
    assert visit.left_at is not None


def test_states_inside_a_map_are_its_own_affair():
    events = history(["ProbeModels", "Probe", "MatchModels"])
    names = [visit.name for visit in Execution(DEFINITION, tuple(events), "RUNNING").entered()]
    assert names == ["ProbeModels", "MatchModels"]


def test_all_pages_of_a_history_are_read(stack, states):
    arn = next(arn for arn in states.executions if arn.endswith(FINISHED))
    execution = read_execution(stack, arn)
    assert [visit.name for visit in execution.entered()] == [*WAY]
    assert not execution.runs
    assert read_execution(stack, arn.replace(FINISHED, RUNNING)).runs


def test_of_an_execution_that_is_forgotten_nothing_is_known(stack, states):
    for arn in ("", "arn:aws:states:us-east-1:123456789012:execution:s:long-ago"):
        execution = read_execution(stack, arn)
        assert (execution.entered(), execution.status, execution.runs) == ([], None, False)


def test_another_refusal_is_no_forgotten_execution(stack, states, monkeypatch):
    told = {"Error": {"Code": "ThrottlingException", "Message": "slow down"}}

    def refuse(**_):
        raise ClientError(told, "DescribeExecution")

    monkeypatch.setattr(states, "describe_execution", refuse)
    with pytest.raises(ClientError, match="slow down"):
        read_execution(stack, "arn")
