"""The states that measure an endpoint, and go on after a miss."""

from __future__ import annotations

from infra.states.definition_reader import next_states
from tests.infra.ways import reaches


def test_an_endpoint_that_misses_its_load_is_tried_on_the_next_server_and_measured(states):
    passed, server, student = states["IsFastEnough"]["Choices"]
    assert (passed["Variable"], passed["Next"]) == ("$.measured.passed", "Promote")
    assert (server["Variable"], server["Next"]) == ("$.measured.deployment", "NextServer")
    assert states["NextServer"]["InputPath"] == "$.measured.deployment"
    assert next_states(states["NextServer"]) == ["IsAsynchronous"]
    assert reaches(states, "CreateModel", {"MeasureEndpoint", "CleanUp"})
    assert (student["Variable"], student["Next"]) == ("$.measured.next_attempt", "TakeEndpointBack")


def test_an_endpoint_is_taken_back_before_another_student_is_trained(states):
    assert next_states(states["TakeEndpointBack"]) == ["NextStudent"]
    assert "failure.$" not in states["TakeEndpointBack"]["Parameters"]
    assert states["NextStudent"]["InputPath"] == "$.measured.next_attempt"
    assert next_states(states["NextStudent"]) == ["MatchModels"]


def test_a_load_that_no_plan_holds_is_rolled_back_and_explained(states):
    assert states["IsFastEnough"]["Default"] == "LoadMissed"
    assert states["LoadMissed"]["Parameters"]["Cause.$"] == "$.measured.reason"
    assert next_states(states["LoadMissed"]) == ["CleanUp"]
