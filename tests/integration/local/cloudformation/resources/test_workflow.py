"""State machines, as a template describes them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from assembly import ROLE
from botocore.exceptions import ClientError
from moto_cloud import Cloud
from stacks import Stack, arn, ref


def test_a_state_machine_runs_and_runs_its_update(cloud: Cloud, stack: Stack) -> None:
    definition = {
        "StartAt": "A",
        "States": {"A": {"Type": "Pass", "Result": "${Word}", "End": True}},
    }
    properties: dict[str, Any] = {
        "RoleArn": arn("Role"),
        "DefinitionString": json.dumps(definition),
        "DefinitionSubstitutions": {"Word": "one"},
        "LoggingConfiguration": {
            "Destinations": [{"CloudWatchLogsLogGroup": {"LogGroupArn": arn("Logs")}}],
            "IncludeExecutionData": True,
            "Level": "ALL",
        },
    }
    resources: dict[str, Any] = {
        "Role": ROLE,
        "Logs": {"Type": "AWS::Logs::LogGroup"},
        "Flow": {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties},
    }
    flow = stack.create(resources, Flow=ref("Flow"))["Flow"]
    assert cloud.execute(flow, {})["output"] == '"one"'
    properties["DefinitionSubstitutions"] = {"Word": "two"}
    assert stack.update(resources, Flow=ref("Flow"))["Flow"] == flow
    assert cloud.execute(flow, {})["output"] == '"two"'
    described = cloud("stepfunctions").describe_state_machine(stateMachineArn=flow)
    assert described["loggingConfiguration"]["level"] == "ALL"


def test_a_definition_from_a_file_is_checked_like_one_in_the_template(
    cloud: Cloud, stack: Stack
) -> None:
    definition = {"StartAt": "A", "QueryLanguage": "JSONata", "States": {}}
    cloud("s3").create_bucket(Bucket="definitions")
    cloud("s3").put_object(Bucket="definitions", Key="d", Body=json.dumps(definition).encode())
    properties = {
        "RoleArn": arn("Role"),
        "DefinitionS3Location": {"Bucket": "definitions", "Key": "d"},
    }
    machine = {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}
    with pytest.raises(ClientError, match="JSONata is not supported"):
        stack.create({"Role": ROLE, "Flow": machine})
