"""Why a run ended, in words."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, get_args

import pytest

from stratos.pipeline.failures import TO_DO, cut_short, explain, reason_in
from stratos.pipeline.steps import JobFailure, JobOutcome


@pytest.mark.parametrize(
    ("cause", "message"),
    [
        (json.dumps({"errorMessage": "no plan", "errorType": "NoFeasiblePlan"}), "X: no plan"),
        (json.dumps({"FailureReason": "AlgorithmError: boom"}), "X: AlgorithmError: boom"),
        (
            json.dumps({"errorMessage": "", "errorType": "X", "stackTrace": []}),
            "X: no cause was given",
        ),
        ("plain words", "X: plain words"),
        ("", "X: no cause was given"),
    ],
)
def test_a_cause_is_explained_whatever_its_shape(cause: str, message: str) -> None:
    assert explain(JobFailure(Error="X", Cause=cause)) == message


def test_a_function_out_of_memory_is_explained_without_its_traceback() -> None:
    cause = json.dumps({"errorMessage": "", "errorType": "MemoryError", "stackTrace": ["a.py"]})
    told = reason_in({"failure": {"Error": "MemoryError", "Cause": cause}})
    assert told == (
        "MemoryError: a function's memory did not suffice. See the function's log group, then "
        "upload the spec again."
    )


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
    assert reason_in(state) == (
        "distill-a0: crash: the job's program was killed (SIGKILL). "
        "`stratos logs RUN` has the job's last words; then upload the spec again."
    )
    assert reason_in({}) is None


@pytest.mark.parametrize("outcome", get_args(JobOutcome))
def test_every_outcome_of_a_job_says_what_to_do(outcome: str) -> None:
    ended = {"outcome": outcome, "retry": False, "reason": "why", "job": {"step": "evaluate"}}
    told = reason_in({"diagnosis": ended})
    assert told is not None
    assert told.startswith(f"evaluate: {outcome}: why. ")


@pytest.mark.parametrize("error", ["Lambda.TooManyRequestsException", "States.Timeout", "KeyError"])
def test_an_error_that_is_not_ours_says_what_to_do(error: str) -> None:
    told = reason_in({"failure": {"Error": error, "Cause": "words"}})
    assert told is not None
    assert told.startswith(f"{error}: words. ")
    assert "upload the spec again" in told


def test_our_own_errors_say_it_in_their_messages() -> None:
    failure = {"Error": "NoFeasiblePlan", "Cause": "no plan; allow more"}
    assert reason_in({"failure": failure}) == "NoFeasiblePlan: no plan; allow more"


@pytest.mark.parametrize(
    ("detail", "told"),
    [
        ({"status": "ABORTED"}, "the execution was stopped by hand"),
        (
            {"status": "ABORTED", "error": None, "cause": "the cloud was killed"},
            "the execution was stopped because the cloud was killed",
        ),
        (
            {"status": "ABORTED", "error": "TooDear", "cause": "says Ann"},
            "the execution was stopped because TooDear: says Ann",
        ),
        ({"status": "TIMED_OUT"}, "States.Timeout: the execution exceeded its time limit"),
        ({"status": "FAILED", "error": "X", "cause": "y"}, "X: y"),
    ],
)
def test_an_execution_that_was_cut_short_says_why(detail: dict[str, Any], told: str) -> None:
    assert explain(cut_short(detail)) == told


def test_what_to_do_is_known_for_every_name_of_aws_on_the_page() -> None:
    page = (Path(__file__).parents[4] / "docs" / "troubleshooting.md").read_text("utf-8")
    table = page.partition("## Names that are AWS's\n")[2]
    cells = re.findall(r"^\| (`.+?`) \|", table, re.MULTILINE)
    names = {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)} - {"States.ALL"}
    assert names
    assert {n for n in names if not any(fnmatchcase(n, known) for known in TO_DO)} == set()
