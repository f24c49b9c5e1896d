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


class Asking:
    """An execution of a task that puts its token into a queue and waits."""

    def __init__(self, cloud: Cloud, name: str, **fields: Any) -> None:
        url, _ = cloud.create_queue(name)
        ask = {
            "Type": "Task",
            "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "Parameters": {"QueueUrl": url, "MessageBody": {"token.$": "$$.Task.Token"}},
            "End": True,
        }
        machine = {"StartAt": "Ask", "States": {"Ask": ask | fields}}
        self._cloud = cloud
        self.machine = cloud.create_state_machine(name, machine)
        self.states = cloud("stepfunctions")
        self.arn = self.start("only", '{"patience": 1}')
        self.token = cloud.receive(url)["Body"]["token"]

    def start(self, name: str, document: str) -> str:
        started = self.states.start_execution(
            stateMachineArn=self.machine, name=name, input=document
        )
        return str(started["executionArn"])

    def ended(self) -> dict[str, Any]:
        return self._cloud.wait_for_execution(self.arn)


def test_the_first_answer_counts_and_a_second_one_is_refused(cloud: Cloud) -> None:
    task = Asking(cloud, "twice")
    task.states.send_task_success(taskToken=task.token, output='"first"')
    for again in (
        lambda: task.states.send_task_success(taskToken=task.token, output='"second"'),
        lambda: task.states.send_task_failure(taskToken=task.token, error="Late"),
        lambda: task.states.send_task_heartbeat(taskToken=task.token),
    ):
        with pytest.raises(ClientError, match="TaskTimedOut"):
            again()
    assert task.ended()["output"] == '"first"'
    with pytest.raises(ClientError, match="TaskTimedOut"):
        task.states.send_task_success(taskToken=task.token, output='"after the end"')


def test_a_token_is_known_in_the_region_of_its_machine_alone(cloud: Cloud) -> None:
    task = Asking(cloud, "elsewhere")
    elsewhere = cloud.in_region("eu-west-1")("stepfunctions")
    for answer in (
        lambda: elsewhere.send_task_success(taskToken=task.token, output="1"),
        lambda: elsewhere.send_task_failure(taskToken=task.token),
        lambda: elsewhere.send_task_heartbeat(taskToken=task.token),
    ):
        with pytest.raises(ClientError, match="InvalidToken"):
            answer()
    task.states.stop_execution(executionArn=task.arn)


@pytest.mark.parametrize("field", [{"HeartbeatSeconds": 1}, {"HeartbeatSecondsPath": "$.patience"}])
def test_a_task_whose_heartbeat_stops_fails_by_that_name(
    cloud: Cloud, field: dict[str, Any]
) -> None:
    task = Asking(cloud, f"silent-{next(iter(field)).lower()}", **field)
    assert task.ended()["error"] == "States.HeartbeatTimeout"
    with pytest.raises(ClientError, match="TaskTimedOut"):
        task.states.send_task_heartbeat(taskToken=task.token)


def test_a_heartbeat_is_taken_by_a_task_that_needs_none(cloud: Cloud) -> None:
    task = Asking(cloud, "patient")
    task.states.send_task_heartbeat(taskToken=task.token)
    task.states.send_task_success(taskToken=task.token, output="7")
    assert task.ended()["output"] == "7"


def test_an_answer_that_came_before_the_task_waits_for_heartbeats_counts(run: Any) -> None:
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "Parameters": {
            "FunctionName": "work",
            "Payload": {"token.$": "$$.Task.Token", "answer": "success"},
        },
        "HeartbeatSeconds": 600,
        "End": True,
    }
    assert run({"Ask": state}) == {"n": 7}


def test_the_same_start_twice_is_one_execution_and_another_is_refused(cloud: Cloud) -> None:
    task = Asking(cloud, "once")
    assert task.start("only", '{"patience": 1}') == task.arn
    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        task.start("only", '{"patience": 2}')
    task.states.send_task_success(taskToken=task.token, output="1")
    assert task.ended()["status"] == "SUCCEEDED"
    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        task.start("only", '{"patience": 1}')
