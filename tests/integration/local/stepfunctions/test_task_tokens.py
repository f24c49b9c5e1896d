"""Tasks that wait for whoever has their token."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto_cloud import Cloud
from state_machines import PASS


@pytest.mark.parametrize(
    ("answer", "expected"),
    [("success", {"n": 7}), ("failure", {"Error": "Broke", "Cause": "because"})],
)
def test_a_task_token_is_answered_by_the_function_that_got_it(
    run: Any, answer: str, expected: Any
) -> None:
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "Parameters": {
            "FunctionName": "work",
            "Payload": {"token.$": "$$.Task.Token", "answer": answer},
        },
        "Catch": [{"ErrorEquals": ["Broke"], "Next": "Caught"}],
        "End": True,
    }
    assert run({"Ask": state, "Caught": PASS}) == expected


def test_each_attempt_at_a_task_has_a_token_of_its_own(cloud: Cloud, run: Any) -> None:
    queue_url, _ = cloud.create_queue("tokens")
    ask = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Parameters": {"QueueUrl": queue_url, "MessageBody": {"token.$": "$$.Task.Token"}},
        "Retry": [{"ErrorEquals": ["Broke"], "IntervalSeconds": 1, "MaxAttempts": 1}],
        "End": True,
    }
    states = cloud("stepfunctions")
    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(run, {"Ask": ask})
        first = cloud.receive(queue_url)["Body"]["token"]
        states.send_task_failure(taskToken=first, error="Broke")
        second = cloud.receive(queue_url)["Body"]["token"]
        assert second != first
        with pytest.raises(ClientError, match="TaskTimedOut"):
            states.send_task_success(taskToken=first, output='"too late"')
        states.send_task_success(taskToken=second, output='"answer"')
        assert result.result() == "answer"


def test_a_token_that_never_was_is_refused(cloud: Cloud) -> None:
    states = cloud("stepfunctions")
    for answer in (
        lambda: states.send_task_success(taskToken="made-up", output="1"),
        lambda: states.send_task_failure(taskToken="made-up"),
    ):
        with pytest.raises(ClientError, match="InvalidToken"):
            answer()


def test_the_longest_wait_for_an_answer_may_lie_in_the_data(run: Any) -> None:
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "Parameters": {"FunctionName": "work", "Payload": {"t.$": "$$.Task.Token"}},
        "TimeoutSecondsPath": "$.patience",
        "Catch": [{"ErrorEquals": ["States.Timeout"], "Next": "Caught", "ResultPath": None}],
        "End": True,
    }
    assert run({"Ask": state, "Caught": PASS}, {"patience": 1}) == {"patience": 1}


def test_a_token_that_nobody_answers_times_out(run: Any) -> None:
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "Parameters": {"FunctionName": "work", "Payload": {"t.$": "$$.Task.Token"}},
        "TimeoutSeconds": 1,
        "Catch": [{"ErrorEquals": ["States.Timeout"], "Next": "Caught"}],
        "End": True,
    }
    assert run({"Ask": state, "Caught": PASS | {"Result": "caught"}}) == "caught"
