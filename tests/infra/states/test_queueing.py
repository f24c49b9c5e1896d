"""The state in which a run waits for its place."""

from __future__ import annotations

from infra.states.definition_reader import caught_by, next_states


def test_a_run_waits_once_its_spec_is_read_and_before_anything_that_costs(states):
    assert next_states(states["ParseConstraints"]) == ["AwaitPlace"]
    assert next_states(states["AwaitPlace"]) == ["InspectDataset"]


def test_a_wait_is_one_event_however_long_and_ends_in_words(states):
    waiting = states["AwaitPlace"]
    assert waiting["Resource"].endswith("lambda:invoke.waitForTaskToken")
    assert waiting["Parameters"]["Payload"]["task_token.$"] == "$$.Task.Token"
    assert waiting["TimeoutSeconds"] == 14 * 24 * 3600
    assert "States.Timeout" not in {e for r in waiting["Retry"] for e in r["ErrorEquals"]}
    assert caught_by(waiting) == {"States.Timeout": "PlaceTimedOut", "States.ALL": "CleanUp"}
    assert "for 14 days" in states["PlaceTimedOut"]["Parameters"]["Cause"]
    assert next_states(states["PlaceTimedOut"]) == ["CleanUp"]


def test_a_busy_queue_is_asked_again_for_long_and_not_by_all_at_once(states):
    retries = {tuple(retry["ErrorEquals"]): retry for retry in states["AwaitPlace"]["Retry"]}
    busy = retries["QueueBusy",]
    assert busy["JitterStrategy"] == "FULL"
    assert busy["MaxAttempts"] * busy["MaxDelaySeconds"] / 2 >= 1800
