"""The states around a training job."""

from __future__ import annotations

import pytest

from infra.states.definition_reader import caught_by, next_states
from stratos.contracts.job_start import CONTAINER_ARGUMENTS, CONTAINER_ENTRYPOINT

JOBS = ["Probe", "Synthesize", "SynthesizeShard", "Distill", "Evaluate", "EvaluateShard"]


def test_a_job_described_at_length_does_not_take_the_place_of_the_data(states):
    for job in ("Probe", "Synthesize", "Evaluate"):
        assert "ResultPath" in states[job]
        assert states[job]["ResultPath"] is None
    assert all(
        "ResultPath" in state for state in states.values() if state["Type"] in ("Task", "Map")
    )


@pytest.mark.parametrize("job", JOBS)
def test_a_failed_job_is_diagnosed_and_its_next_attempt_takes_its_place(states, job):
    assert caught_by(states[job]) == {"States.ALL": f"Diagnose{job}"}
    assert next_states(states[f"Diagnose{job}"]) == [f"ShouldRetry{job}"]
    assert next_states(states[f"ShouldRetry{job}"]) == [f"Retry{job}", f"{job}Failed"]
    again = states[f"Retry{job}"]
    assert again["InputPath"] == "$.diagnosis.job"
    assert again["ResultPath"] == states[f"Diagnose{job}"]["Parameters"]["job.$"]
    assert next_states(again) == [job]


@pytest.mark.parametrize("job", JOBS)
def test_a_job_that_failed_is_never_started_again_under_its_name(states, job):
    retried = {error for retry in states[job]["Retry"] for error in retry["ErrorEquals"]}
    assert retried.isdisjoint({"States.ALL", "States.TaskFailed", "States.Timeout"})
    assert states[job]["Parameters"]["TrainingJobName.$"].endswith(".name")


def test_evaluation_is_told_which_model_was_distilled(states):
    selected = states["Distill"]["ResultSelector"]["hyper_parameters"]
    assert selected == {"student_artifact.$": "$.ModelArtifacts.S3ModelArtifacts"}
    merged = states["Evaluate"]["Parameters"]["HyperParameters.$"]
    assert merged == (
        "States.JsonMerge($.match.evaluate.hyper_parameters, $.distilled.hyper_parameters, false)"
    )


@pytest.mark.parametrize("job", JOBS)
def test_every_job_starts_by_the_one_command(states, job):
    """It reads nothing of the execution's data: a job of a former payload finds it, too."""
    asked = states[job]["Parameters"]["AlgorithmSpecification"]
    assert asked["ContainerEntrypoint"] == list(CONTAINER_ENTRYPOINT)
    assert asked["ContainerArguments"] == list(CONTAINER_ARGUMENTS)
