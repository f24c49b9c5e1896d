"""The states around a training job."""

from __future__ import annotations

import pytest

from infra.states.definition_reader import caught_by, definition_of, next_states, states_of
from stratos.contracts.job_start import CONTAINER_ARGUMENTS, CONTAINER_ENTRYPOINT
from stratos.pipeline.worker_jobs import HEARTBEAT_SECONDS, HandOverInput
from tests.infra.ways import reaches

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


JOBS = {
    "InspectLarge": "$.inspection",
    "Probe": "$.job",
    "Synthesize": "$.match.synthesize",
    "Distill": "$.match.distill",
    "Evaluate": "$.match.evaluate",
}


@pytest.fixture(scope="module")
def states_of_regions(home_of_regions):
    return dict(states_of(definition_of(home_of_regions)))


@pytest.mark.parametrize(("job", "path"), JOBS.items())
def test_a_job_that_names_a_region_runs_there_and_any_other_at_home(states_of_regions, job, path):
    states = states_of_regions
    (rule,) = states[f"Is{job}Elsewhere"]["Choices"]
    named, filled = rule["And"]
    assert named == {"Variable": f"{path}.region", "IsPresent": True}
    assert filled == {"Not": {"Variable": f"{path}.region", "StringEquals": ""}}
    assert rule["Next"] == f"{job}Elsewhere"
    assert states[f"Is{job}Elsewhere"]["Default"] == job
    for state in states.values():
        assert job not in next_states(state) or state["Type"] == "Choice"
    assert next_states(states[f"Retry{job}"]) == [f"Is{job}Elsewhere"]  # it may go elsewhere


@pytest.mark.parametrize("job", JOBS)
def test_what_another_region_answers_is_taken_as_if_the_job_had_run_at_home(
    states_of_regions, states, job
):
    here, away = states_of_regions[job], states_of_regions[f"{job}Elsewhere"]
    for field in ("ResultSelector", "ResultPath", "Catch", "Next"):
        assert away.get(field) == here.get(field), field
    assert {k: v for k, v in here.items() if k != "Next"} == {
        k: v for k, v in states[job].items() if k != "Next"
    }


@pytest.mark.parametrize(("job", "path"), JOBS.items())
def test_a_job_is_handed_over_with_what_it_is_asked_at_home_and_must_be_heard_of(
    states_of_regions, job, path
):
    here, away = states_of_regions[job], states_of_regions[f"{job}Elsewhere"]
    assert away["Resource"].endswith(":states:::lambda:invoke.waitForTaskToken")
    payload = away["Parameters"]["Payload"]
    assert {field.removesuffix(".$") for field in payload} == set(HandOverInput.model_fields)
    assert payload["job.$"] == path
    assert payload["hyper_parameters.$"] == here["Parameters"]["HyperParameters.$"]
    assert payload["task_token.$"] == "$$.Task.Token"
    assert away["HeartbeatSeconds"] == HEARTBEAT_SECONDS < away["TimeoutSeconds"]
    assert away["TimeoutSeconds"] > here["TimeoutSeconds"]


def test_every_failure_elsewhere_leads_to_clean_up_and_a_report(states_of_regions):
    for job in JOBS:
        failed = caught_by(states_of_regions[f"{job}Elsewhere"])["States.ALL"]
        assert reaches(states_of_regions, failed, {"CleanUp", "DropCandidate"})
