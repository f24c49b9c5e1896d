"""A step of one job, or of several in its place."""

from __future__ import annotations

import pytest

from infra.states.definition_reader import caught_by, next_states

STEPS = [("Synthesize", "synthesis", "Distill"), ("Evaluate", "evaluation", "CheckQuality")]


@pytest.mark.parametrize(("name", "what", "after"), STEPS)
def test_one_job_has_the_step_unless_there_are_several(states, name, what, after):
    path = f"$.match.{what}_shards"
    [choice] = states[f"Split{name}"]["Choices"]
    assert choice["And"] == [
        {"Variable": path, "IsPresent": True},
        {"Variable": path, "IsNull": False},
    ]
    assert next_states(states[f"Split{name}"]) == [f"{name}Shards", name]
    assert next_states(states[name]) == [after if name == "Evaluate" else "Distill"]


@pytest.mark.parametrize(("name", "what", "after"), STEPS)
def test_shards_are_a_distributed_map_over_jobs_in_the_bucket(states, name, what, after):
    shards, path = states[f"{name}Shards"], f"$.match.{what}_shards"
    config = shards["ItemProcessor"]["ProcessorConfig"]
    assert config == {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    assert shards["ItemReader"]["Parameters"] == {
        "Bucket.$": f"{path}.bucket",
        "Key.$": f"{path}.manifest_key",
    }
    assert shards["MaxConcurrencyPath"] == f"{path}.at_once"
    assert shards["ToleratedFailurePercentage"] == 100
    assert shards["ItemSelector"]["job.$"] == "$$.Map.Item.Value"
    assert next_states(shards) == [f"Gather{name}"]
    assert next_states(states[f"Gather{name}"]) == [f"More{name}"]
    assert next_states(states[f"More{name}"]) == [f"{name}Shards", after]


@pytest.mark.parametrize("name", ["SynthesizeShard", "EvaluateShard"])
def test_a_shard_is_retried_as_any_job_and_given_up_without_taking_others_along(states, name):
    assert caught_by(states[name]) == {"States.ALL": f"Diagnose{name}"}
    assert next_states(states[f"{name}Failed"]) == [f"Drop{name}"]
    told = {"step.$": "$.job.step", "attempt.$": "$.job.attempt"}
    failed = {"failed.$": "$.failure.Cause", "error.$": "$.failure.Error"}
    assert states[f"Keep{name}"]["Parameters"] == told
    assert states[f"Drop{name}"]["Parameters"] == told | failed
    assert states[f"Drop{name}"]["End"] is True


def test_every_shard_of_an_evaluation_is_told_which_model_was_distilled(states):
    assert states["EvaluateShards"]["ItemSelector"]["distilled.$"] == "$.distilled"
    assert states["EvaluateShard"]["Parameters"]["HyperParameters.$"] == (
        "States.JsonMerge($.job.hyper_parameters, $.distilled.hyper_parameters, false)"
    )
