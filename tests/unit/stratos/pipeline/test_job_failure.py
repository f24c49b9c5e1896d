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
        (
            failed("AlgorithmError: OSError: [Errno 28] No space left on device, exit code: 1"),
            "user_error",
            "disk did not suffice",
        ),
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


RECORDED = [
    # https://github.com/DIAGNijmegen/rse-grand-challenge/issues/2631
    (
        "CapacityError: Unable to provision requested ML compute capacity. Please retry using a "
        "different ML instance type.",
        "capacity",
    ),
    # https://github.com/aws/amazon-sagemaker-examples/issues/4384
    (
        "ClientError: Data download failed:Unable to download object s3://sagemaker-repository-dub/"
        "model-data-model-package_llama2-7b-v3-740347e540da35b4ab9f6fc0ab3fed2c (AccessDenied: "
        "Access Denied)",
        "user_error",
    ),
    # As several people have published it, each with a bucket of theirs.
    (
        "ClientError: Data download failed:failed to download data. 403 Forbidden (403): Forbidden",
        "user_error",
    ),
    (
        "ClientError: Please use an instance type with more memory, or reduce the size of job data "
        "processed on an instance.",
        "user_error",
    ),
    # https://github.com/aws/sagemaker-python-sdk/issues/134
    ("AlgorithmError: Exit Code: 139", "crash"),
    # https://github.com/aws/amazon-sagemaker-examples/issues/842
    ("AlgorithmError: , exit code: 132", "crash"),
    # https://github.com/aws/sagemaker-python-sdk/issues/1442
    (
        'AlgorithmError: ExecuteUserScriptError:\nCommand "/usr/bin/python script.py --model_dir '
        's3://sagemaker-us-east-2-390127998428/model"',
        "crash",
    ),
    # https://github.com/aws/amazon-sagemaker-examples/issues/1224
    (
        "AlgorithmError: framework error: \nTraceback (most recent call last):\nFile "
        '"/usr/local/lib/python3.6/dist-packages/sagemaker_containers/_trainer.py", line 76, in '
        "train\nentrypoint()",
        "crash",
    ),
]
"""What SageMaker said of jobs of other people."""


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        ("Sandbox.Timedout", "unreachable"),
        ("Lambda.Unknown", "unreachable"),
        ("HandedOverBefore", "crash"),
    ],
)
def test_a_region_that_hangs_is_left_and_one_that_was_asked_twice_is_not(
    error: str, outcome: str
) -> None:
    cause = '{"errorMessage": "2026-11-30T00:00:00Z 1-2-3 Task timed out after 300.00 seconds"}'
    assert classify(JobFailure(Error=error, Cause=cause), None).outcome == outcome


@pytest.mark.parametrize(("reason", "outcome"), RECORDED)
def test_recorded_reasons_are_told_apart(reason: str, outcome: str) -> None:
    assert classify(FAILED, failed(reason)).outcome == outcome


def toolkit(code: int, message: str, extra: str = "") -> str:
    """As sagemaker-training 5.1.4 writes `output/failure`, and SageMaker what follows."""
    lines = (f"ExitCode {code}", f'ErrorMessage "{message}"', extra, 'Command "python distill.py"')
    text = "\n".join(["ExecuteUserScriptError:", *filter(None, lines)])
    return f"AlgorithmError: {text}, exit code: 1"


def test_a_program_that_a_signal_ended_under_the_toolkit_is_no_plain_crash() -> None:
    verdict = classify(FAILED, failed(toolkit(-9, "")))
    assert verdict.outcome == "crash"
    assert "killed (SIGKILL)" in verdict.reason
    assert "ExecuteUserScriptError: exit code -9" in verdict.reason


def test_a_toolkits_guess_at_memory_from_an_exit_code_is_no_verdict() -> None:
    guess = 'ExtraInfo "OutOfMemory: Process killed by SIGKILL (signal 9)"'
    verdict = classify(FAILED, failed(toolkit(137, "", guess)))
    assert verdict.outcome == "crash"
    assert verdict.domain_error is None


def test_a_programs_own_error_is_found_in_the_toolkits_words() -> None:
    raised = "raise BudgetExhausted(text)\n stratos.errors.BudgetExhausted: 3 of 2 USD"
    verdict = classify(FAILED, failed(toolkit(1, raised)))
    assert (verdict.outcome, verdict.domain_error) == ("user_error", "BudgetExhausted")
    assert verdict.reason == "BudgetExhausted: 3 of 2 USD"


@pytest.mark.parametrize(
    "text",
    [
        "AlgorithmError: OutOfMemory: the kernel ended process 1 of 1 for want of memory "
        "(SIGKILL); lower training.batch_tokens, exit code: 137",
        "AlgorithmError: OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB, "
        "exit code: 2",
        "AlgorithmError: RuntimeError: [enforce fail at alloc_cpu.cpp:118] err == 0. "
        "DefaultCPUAllocator: can't allocate memory, exit code: 2",
    ],
)
def test_want_of_memory_is_not_tried_again_on_the_same_server(text: str) -> None:
    verdict = classify(FAILED, failed(text))
    assert verdict.outcome == "user_error"
    assert "memory" in verdict.reason


def test_a_job_that_lacks_its_code_is_not_tried_again() -> None:
    said = "AlgorithmError: JobNotStarted: no launcher in channel code; start the run anew"
    verdict = classify(FAILED, failed(f"{said}\n, exit code: 1"))
    assert (verdict.outcome, verdict.domain_error) == ("user_error", "JobNotStarted")


def test_a_request_of_a_former_state_machine_is_told_as_one() -> None:
    said = (
        "The training entry point name is empty. Set the 'sagemaker_program' hyperparameter (or "
        "ContainerEntrypoint) to the name of the script to run, relative to your source directory"
    )
    verdict = classify(FAILED, failed(f"AlgorithmError: {said}, exit code: 1"))
    assert verdict.outcome == "user_error"
    assert verdict.reason.startswith("start the run anew")


@pytest.mark.parametrize(
    ("error", "cause", "outcome"),
    [
        ("SageMaker.ResourceLimitExceededException", "limit is 0 Instances", "quota"),
        ("SageMaker.ResourceInUseException", "already exists", "crash"),
        ("SageMaker.ValidationException", "1 validation error", "user_error"),
        ("States.Timeout", "", "timeout"),
        ("States.HeartbeatTimeout", "", "unreachable"),
        ("RegionUnreachable", '{"errorMessage": "eu-west-1 did not take it"}', "unreachable"),
    ],
)
def test_a_job_that_never_ran_is_told_by_the_caught_error(
    error: str, cause: str, outcome: str
) -> None:
    assert classify(JobFailure(Error=error, Cause=cause), None).outcome == outcome


@pytest.mark.parametrize("error", ["Lambda.TooManyRequestsException", "Runtime.ExitError"])
def test_a_job_that_no_function_could_hand_over_is_tried_again(error: str) -> None:
    cause = '{"errorType": "x", "errorMessage": "words"}'
    verdict = classify(JobFailure(Error=error, Cause=cause), None)
    assert (verdict.outcome, verdict.reason) == (
        "crash",
        f"the job was not started: {error}: words",
    )
