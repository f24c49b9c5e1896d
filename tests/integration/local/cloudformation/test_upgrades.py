"""A stack that is updated while an execution of it runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from assembly import ROLE
from moto_cloud import Cloud, running_cloud
from stacks import Stack, arn, ref

from infra.local.cloudformation.stacks import CloudFormation
from infra.local.lambda_.function_processes import FunctionProcesses
from infra.local.stepfunctions.executions import StepFunctions


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    seams = (CloudFormation(), StepFunctions(), FunctionProcesses())
    with running_cloud(tmp_path_factory.mktemp("cloud"), *seams) as running:
        yield running


@pytest.fixture
def stack(cloud: Cloud) -> Iterator[Stack]:
    running = Stack(cloud, "upgraded")
    yield running
    running.delete()


def resources(release: str) -> dict[str, Any]:
    """A machine that asks its function, waits for an answer to a message, and asks it again."""
    ask = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": "${Function}"},
    }
    wait = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Parameters": {"QueueUrl": "${Queue}", "MessageBody": {"token.$": "$$.Task.Token"}},
        "ResultPath": "$.answer",
    }
    states = {
        "Before": ask | {"ResultSelector": {"before.$": "$.Payload"}, "Next": "Wait"},
        "Wait": wait | {"Next": "After"},
        "After": ask
        | {"ResultSelector": {"code.$": "$.Payload"}, "ResultPath": "$.after", "Next": "Release"},
        "Release": {"Type": "Pass", "Result": release, "ResultPath": "$.machine", "End": True},
    }
    definition = {"StartAt": "Before", "States": states}
    return {
        "Role": ROLE,
        "Queue": {"Type": "AWS::SQS::Queue"},
        "Function": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "Code": {"ZipFile": f"def handler(event, context):\n    return '{release}'\n"},
                "Handler": "index.handler",
                "Runtime": "python3.11",
                "Role": arn("Role"),
                "Timeout": 20,
            },
        },
        "Machine": {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {
                "DefinitionString": json.dumps(definition),
                "DefinitionSubstitutions": {"Function": ref("Function"), "Queue": ref("Queue")},
                "RoleArn": arn("Role"),
            },
        },
    }


def test_an_execution_in_flight_keeps_its_definition_and_meets_the_new_code(
    cloud: Cloud, stack: Stack
) -> None:
    states = cloud("stepfunctions")
    made = stack.create(resources("old"), Machine=ref("Machine"), Queue=ref("Queue"))

    def start(name: str) -> str:
        return states.start_execution(stateMachineArn=made["Machine"], name=name, input="{}")[
            "executionArn"
        ]

    def answer() -> None:
        token = cloud.receive(made["Queue"])["Body"]["token"]
        states.send_task_success(taskToken=token, output='"yes"')

    running = start("run")
    message = cloud.receive(made["Queue"])["Body"]
    assert stack.update(resources("new"), Machine=ref("Machine"), Queue=ref("Queue")) == made
    assert states.describe_execution(executionArn=running)["status"] == "RUNNING"
    assert start("run") == running  # The same request again starts nothing, as before.

    states.send_task_success(taskToken=message["token"], output='"yes"')
    ended = cloud.wait_for_execution(running)
    assert ended["status"] == "SUCCEEDED"
    assert json.loads(ended["output"]) == {
        "before": "old",
        "answer": "yes",
        "after": {"code": "new"},
        "machine": "old",
    }
    assert [item["name"] for item in cloud.executions_of(made["Machine"])] == ["run"]
    assert cloud.stays_empty(made["Queue"])

    following = start("next")
    answer()
    output = json.loads(cloud.wait_for_execution(following)["output"])
    assert (output["before"], output["machine"]) == ("new", "new")


def test_an_execution_that_fails_after_an_update_fails_once(cloud: Cloud, stack: Stack) -> None:
    states = cloud("stepfunctions")
    made = stack.create(resources("old"), Machine=ref("Machine"), Queue=ref("Queue"))
    running = states.start_execution(stateMachineArn=made["Machine"], name="run")["executionArn"]
    token = cloud.receive(made["Queue"])["Body"]["token"]
    stack.update(resources("new"), Machine=ref("Machine"), Queue=ref("Queue"))
    states.send_task_failure(taskToken=token, error="Refused", cause="because")
    ended = cloud.wait_for_execution(running)
    assert (ended["status"], ended["error"], ended["cause"]) == ("FAILED", "Refused", "because")
    assert len(cloud.executions_of(made["Machine"])) == 1
