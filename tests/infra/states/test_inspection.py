"""The states that split a dataset."""

from __future__ import annotations

from infra.states.definition_reader import caught_by, next_states


def test_a_dataset_too_large_for_a_function_is_split_by_a_job_whose_result_it_takes(states):
    assert caught_by(states["InspectDataset"])["DatasetTooLarge"] == "PrepareInspection"
    assert next_states(states["PrepareInspection"]) == ["InspectLarge"]
    job = states["InspectLarge"]
    assert job["Parameters"]["TrainingJobName.$"] == "$.inspection.name"
    assert next_states(job) == ["InspectDataset"]
    assert job["ResultPath"] is None
    assert caught_by(job) == {"States.ALL": "DiagnoseInspectLarge"}
    assert next_states(states["RetryInspectLarge"]) == ["InspectLarge"]
    assert next_states(states["InspectLargeFailed"]) == ["CleanUp"]
