"""Failures of training jobs, told apart; and any failure, in words."""

from __future__ import annotations

from typing import Any

import pytest

from stratos.pipeline.job_failure import classify
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
