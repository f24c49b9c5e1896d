"""The states that ask a person."""

from __future__ import annotations

from infra.states.definition_reader import caught_by, next_states
from infra.states.queueing import LONGEST_WAIT
from stratos.spec import LONGEST_APPROVAL_HOURS, Spec
from tests import factories


def test_a_person_is_asked_between_the_registry_and_anything_that_costs(states):
    assert next_states(states["Register"]) == ["NeedsApproval"]
    assert next_states(states["NeedsApproval"]) == ["AwaitApproval", "IsBatch"]
    (asked,) = states["NeedsApproval"]["Choices"]
    assert asked["Variable"] == "$.parsed.approval_timeout_seconds"
    assert next_states(states["AwaitApproval"]) == ["RecordApproval"]
    assert next_states(states["RecordApproval"]) == ["IsBatch"]
    assert next_states(states["IsBatch"]) == ["CreateBatchModel", "TakeTurn"]


def test_a_wait_for_a_person_ends_within_the_spec_and_the_execution_outlasts_it(states, definition):
    waiting = states["AwaitApproval"]
    assert waiting["Resource"].endswith("lambda:invoke.waitForTaskToken")
    assert waiting["Parameters"]["Payload"]["task_token.$"] == "$$.Task.Token"
    assert waiting["TimeoutSecondsPath"] == "$.parsed.approval_timeout_seconds"
    assert list(caught_by(waiting)) == ["States.Timeout", "States.ALL"]
    assert caught_by(waiting)["States.Timeout"] == "ApprovalTimedOut"
    assert "States.Timeout" not in {e for r in waiting["Retry"] for e in r["ErrorEquals"]}
    longest = Spec.model_validate(
        factories.spec_dict(approval="required", approval_timeout_hours=LONGEST_APPROVAL_HOURS)
    ).approval_timeout_seconds
    assert longest is not None
    assert definition["TimeoutSeconds"] - longest == LONGEST_WAIT.to_seconds() + 3 * 24 * 3600
