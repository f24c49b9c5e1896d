"""The tasks of a state machine call AWS as its role."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from judged_cloud import ACCOUNT, allow, judged_cloud, make_role
from moto_cloud import Cloud

from infra.local.lambda_.function_processes import FunctionProcesses
from infra.local.stepfunctions.executions import StepFunctions
from infra.local.stepfunctions.sagemaker_sync import SyncIntegrations

ANSWER = """
import boto3

def handler(event, context):
    boto3.client("stepfunctions").send_task_success(taskToken=event["token"], output="7")
"""


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    seams = (StepFunctions(), SyncIntegrations(), FunctionProcesses())
    with judged_cloud(tmp_path_factory.mktemp("cloud"), *seams) as running:
        yield running


def task(resource: str, arguments: Any) -> str:
    only = {"Type": "Task", "Resource": resource, "Parameters": arguments, "End": True}
    return json.dumps({"StartAt": "Only", "States": {"Only": only}})


def run(cloud: Cloud, name: str, definition: str, role: str) -> dict[str, Any]:
    machine = cloud("stepfunctions").create_state_machine(
        name=name, definition=definition, roleArn=role
    )
    return cloud.execute(machine["stateMachineArn"], {})


def test_an_sdk_task_does_what_the_role_may(judged: Cloud) -> None:
    listing = task("arn:aws:states:::aws-sdk:sagemaker:listModels", {})
    role = make_role(judged, "lister", "states", allow("sagemaker:ListModels"))
    assert run(judged, "lister", listing, role)["status"] == "SUCCEEDED"


def test_a_refused_task_fails_with_the_service_s_error(judged: Cloud) -> None:
    listing = task("arn:aws:states:::aws-sdk:sagemaker:listModels", {})
    failed = run(judged, "refused", listing, make_role(judged, "refused", "states"))
    assert failed["status"] == "FAILED"
    assert failed["error"] == "SageMaker.SageMakerException"
    assert (
        f"User: arn:aws:sts::{ACCOUNT}:assumed-role/refused/refused is not authorized to perform: "
        "sagemaker:ListModels on resource: *"
    ) in failed["cause"]


def test_a_function_is_invoked_as_the_machine_and_answers_as_itself(judged: Cloud) -> None:
    machine = f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:waiting"
    answering = allow("states:SendTaskSuccess", machine)
    answers = judged.create_function(
        "answers", ANSWER, Role=make_role(judged, "answers", "lambda", answering)
    )
    waiting = task(
        "arn:aws:states:::lambda:invoke.waitForTaskToken",
        {"FunctionName": answers, "Payload": {"token.$": "$$.Task.Token"}},
    )
    role = make_role(judged, "waiting", "states", allow("lambda:InvokeFunction", answers))
    done = run(judged, "waiting", waiting, role)
    assert (done["status"], done.get("output")) == ("SUCCEEDED", "7")


def test_a_refused_invocation_fails_as_lambda_s(judged: Cloud) -> None:
    name = judged.create_function("closed", ANSWER, Role=make_role(judged, "closed", "lambda"))
    calling = task("arn:aws:states:::lambda:invoke", {"FunctionName": name})
    failed = run(judged, "closed", calling, make_role(judged, "closing", "states"))
    assert failed["error"] == "Lambda.AWSLambdaException"
    assert "lambda:InvokeFunction" in failed["cause"]


def test_a_machine_whose_role_cannot_log_is_refused(judged: Cloud) -> None:
    role = make_role(judged, "mute", "states")
    group = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/machines:*"
    destinations = [{"cloudWatchLogsLogGroup": {"logGroupArn": group}}]
    with pytest.raises(ClientError, match="logs:CreateLogDelivery") as refused:
        judged("stepfunctions").create_state_machine(
            name="mute",
            definition=task("arn:aws:states:::aws-sdk:sagemaker:listModels", {}),
            roleArn=role,
            loggingConfiguration={"level": "ALL", "destinations": destinations},
        )
    assert refused.value.response["Error"]["Code"] == "AccessDeniedException"


def test_a_job_is_asked_for_as_the_role(judged: Cloud) -> None:
    managed = "events:PutTargets", "events:PutRule", "events:DescribeRule"
    role = make_role(judged, "training", "states", allow(managed))
    creating = task(
        "arn:aws:states:::sagemaker:createTrainingJob.sync", {"TrainingJobName": "refused-job"}
    )
    failed = run(judged, "training", creating, role)
    assert failed["error"] == "SageMaker.AmazonSageMakerException"
    assert (
        f"User: arn:aws:sts::{ACCOUNT}:assumed-role/training/training is not authorized to "
        f"perform: sagemaker:CreateTrainingJob on resource: "
        f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:training-job/refused-job"
    ) in failed["cause"]
