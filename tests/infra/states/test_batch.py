"""The states that measure a model by a batch."""

from __future__ import annotations

from infra.states.definition_reader import caught_by, next_states
from tests.infra.ways import all_ways


def test_a_model_without_an_endpoint_is_measured_by_a_batch(states):
    assert next_states(states["CreateBatchModel"]) == ["AskBatch"]
    ask = states["AskBatch"]
    assert ask["Resource"].endswith("states:::sagemaker:createTransformJob.sync")
    assert next_states(ask) == ["MeasureBatch"]
    assert next_states(states["MeasureBatch"]) == ["IsFastEnough"]
    retried = {error for retry in ask["Retry"] for error in retry["ErrorEquals"]}
    assert retried.isdisjoint({"States.ALL", "States.TaskFailed", "States.Timeout"})
    measured = {"MeasureBatch"}
    assert all_ways(states, "CreateBatchModel", until=measured) == {"CreateBatchModel", "AskBatch"}


def test_a_batch_that_failed_is_judged_by_what_was_caught(states):
    assert caught_by(states["AskBatch"]) == {"States.ALL": "MeasureBatch"}
    (catch,) = states["AskBatch"]["Catch"]
    assert catch["ResultPath"] == states["MeasureBatch"]["Parameters"]["transformed.$"]
