"""Why a run ended, in words."""

from __future__ import annotations

import json

import pytest

from stratos.pipeline.failures import explain, reason_in
from stratos.pipeline.steps import JobFailure


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
