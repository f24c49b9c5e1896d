"""Functions, as a template describes them."""

from __future__ import annotations

import json
from typing import Any

from assembly import ROLE
from moto_cloud import Cloud
from stacks import Stack, arn, ref


def test_a_function_has_its_versions_alias_permission_and_async_settings(
    cloud: Cloud, stack: Stack
) -> None:
    code: dict[str, Any] = {"ZipFile": "def handler(event, context):\n    return 1\n"}
    properties: dict[str, Any] = {
        "Code": code,
        "Handler": "index.handler",
        "Runtime": "python3.11",
        "Role": arn("Role"),
        "Environment": {"Variables": {"ROLE": ref("Role")}},
        "ReservedConcurrentExecutions": 2,
    }
    resources: dict[str, Any] = {
        "Role": ROLE,
        "Work": {"Type": "AWS::Lambda::Function", "Properties": properties},
        "WorkVersion": {
            "Type": "AWS::Lambda::Version",
            "Properties": {"FunctionName": ref("Work")},
        },
        "Live": {
            "Type": "AWS::Lambda::Alias",
            "Properties": {
                "FunctionName": ref("Work"),
                "FunctionVersion": {"Fn::GetAtt": ["WorkVersion", "Version"]},
                "Name": "live",
            },
        },
        "Allow": {
            "Type": "AWS::Lambda::Permission",
            "Properties": {
                "FunctionName": arn("Work"),
                "Action": "lambda:InvokeFunction",
                "Principal": "events.amazonaws.com",
            },
        },
        "Async": {
            "Type": "AWS::Lambda::EventInvokeConfig",
            "Properties": {
                "FunctionName": ref("Work"),
                "Qualifier": "$LATEST",
                "MaximumRetryAttempts": 1,
            },
        },
    }
    name = stack.create(resources, Name=ref("Work"))["Name"]
    client = cloud("lambda")
    before = client.get_function(FunctionName=name)
    assert before["Concurrency"]["ReservedConcurrentExecutions"] == 2
    assert client.get_alias(FunctionName=name, Name="live")["FunctionVersion"] == "1"
    settings = client.get_function_event_invoke_config(FunctionName=name, Qualifier="$LATEST")
    assert settings["MaximumRetryAttempts"] == 1
    policy = json.loads(client.get_policy(FunctionName=name)["Policy"])
    assert policy["Statement"][0]["Principal"] == {"Service": "events.amazonaws.com"}

    code["ZipFile"] = "def handler(event, context):\n    return 2\n"
    properties["Environment"] = {"Variables": {"NEW": "1"}}
    properties["Timeout"] = 9
    stack.update(resources)
    after = client.get_function(FunctionName=name)["Configuration"]
    assert after["CodeSha256"] != before["Configuration"]["CodeSha256"]
    assert (after["Timeout"], after["Environment"]["Variables"]) == (9, {"NEW": "1"})
    stack.delete()
    assert client.list_functions()["Functions"] == []
