"""Failures of training jobs, told apart; and any failure, in words."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from stratos.pipeline.failures import explain, reason_in
from stratos.pipeline.job_failure import classify
from stratos.pipeline.phases import phase_seconds
from stratos.pipeline.steps import JobFailure

FAILED = JobFailure(Error="States.TaskFailed", Cause="")


def failed(reason: str) -> dict[str, Any]:
    return {"TrainingJobStatus": "Failed", "SecondaryStatus": "Failed", "FailureReason": reason}


@pytest.mark.parametrize(
    ("job", "outcome", "words"),
    [
        (failed("CapacityError: Unable to provision requested ML compute"), "capacity", "AWS had"),
        (failed("ResourceLimitExceeded: account-level service limit"), "quota", "quota"),
        (
            failed("AlgorithmError: TooFewVerifiedRecords: kept 3 of 100; exit code: 1"),
            "user_error",
            "TooFewVerifiedRecords: kept 3 of 100",
        ),
        (
            failed("ClientError: Data download failed: no objects at s3://b/k"),
            "user_error",
            "no objects",
        ),
        (failed("AlgorithmError: , exit code: 137"), "crash", "SIGKILL"),
        (failed("AlgorithmError: KeyError: 'x', exit code: 1"), "crash", "KeyError"),
        (failed("InternalServerError: try again"), "crash", "InternalServerError"),
        ({"TrainingJobStatus": "Stopped", "SecondaryStatus": "Stopped"}, "stopped", "by hand"),
        (
            {
                "TrainingJobStatus": "Stopped",
                "SecondaryStatus": "MaxRuntimeExceeded",
                "StoppingCondition": {"MaxRuntimeInSeconds": 60},
            },
            "timeout",
            "60 s",
        ),
        ({"TrainingJobStatus": "Stopped", "SecondaryStatus": "Interrupted"}, "capacity", "spot"),
    ],
)
def test_each_way_to_fail_is_told_apart(job: dict[str, Any], outcome: str, words: str) -> None:
    verdict = classify(FAILED, job)
    assert verdict.outcome == outcome
    assert words in verdict.reason


@pytest.mark.parametrize(
    ("error", "cause", "outcome"),
    [
        ("SageMaker.ResourceLimitExceededException", "limit is 0 Instances", "quota"),
        ("SageMaker.ResourceInUseException", "already exists", "crash"),
        ("SageMaker.ValidationException", "1 validation error", "user_error"),
        ("States.Timeout", "", "timeout"),
    ],
)
def test_a_job_that_never_ran_is_told_by_the_caught_error(
    error: str, cause: str, outcome: str
) -> None:
    assert classify(JobFailure(Error=error, Cause=cause), None).outcome == outcome


@pytest.mark.parametrize(
    ("cause", "message"),
    [
        (json.dumps({"errorMessage": "no plan", "errorType": "NoFeasiblePlan"}), "X: no plan"),
        (json.dumps({"FailureReason": "AlgorithmError: boom"}), "X: AlgorithmError: boom"),
        ("plain words", "X: plain words"),
        ("", "X: no cause was given"),
    ],
)
def test_a_cause_is_explained_whatever_its_shape(cause: str, message: str) -> None:
    assert explain(JobFailure(Error="X", Cause=cause)) == message


def test_a_diagnosis_says_more_than_the_caught_error() -> None:
    state = {
        "failure": {"Error": "States.TaskFailed", "Cause": "{}"},
        "diagnosis": {
            "outcome": "crash",
            "retry": False,
            "reason": "the job's program was killed (SIGKILL)",
            "job": {"step": "distill-a0"},
        },
    }
    assert reason_in(state) == "distill-a0: crash: the job's program was killed (SIGKILL)"
    assert reason_in({}) is None


def test_time_goes_to_phases_and_what_follows_a_phase_counts_to_it() -> None:
    start = datetime(2026, 1, 5, tzinfo=UTC)

    def entered(second: int, name: str, kind: str = "TaskStateEntered") -> dict[str, Any]:
        return {
            "type": kind,
            "timestamp": start + timedelta(seconds=second),
            "stateEnteredEventDetails": {"name": name},
        }

    def other(second: int, kind: str) -> dict[str, Any]:
        return {"type": kind, "timestamp": start + timedelta(seconds=second)}

    events = [
        other(0, "ExecutionStarted"),
        entered(0, "ClaimRun"),
        entered(2, "ProbeModels", "MapStateEntered"),
        entered(2, "Probe"),
        entered(3, "Evaluate"),
        other(10, "MapStateExited"),
        entered(10, "Distill"),
        entered(20, "DiagnoseDistill"),
        entered(21, "DistillAgain", "ChoiceStateEntered"),
        entered(22, "Distill"),
        entered(40, "CreateModel"),
        entered(41, "WaitForEndpoint", "WaitStateEntered"),
        entered(50, "Report"),
    ]
    assert phase_seconds(events, start + timedelta(seconds=53)) == {
        "ClaimRun": 2,
        "ProbeModels": 8,
        "Distill": 30,
        "Deploy": 10,
        "Report": 3,
    }
