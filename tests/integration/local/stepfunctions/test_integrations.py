"""Tasks that call a service: its names, its errors, and executions within executions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from moto_cloud import Cloud
from state_machines import PASS

from stratos.hosting.scaling import scalable_target


def test_service_integrations_take_and_give_the_names_of_the_api(cloud: Cloud, run: Any) -> None:
    cloud("dynamodb").create_table(
        TableName="runs",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    cloud("s3").create_bucket(Bucket="objects")
    topic = cloud("sns").create_topic(Name="news")["TopicArn"]
    queue_url, queue_arn = cloud.create_queue("readers")
    cloud("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn)

    def task(resource: str, parameters: Mapping[str, Any], following: str | None) -> Any:
        return {
            "Type": "Task",
            "Resource": f"arn:aws:states:::{resource}",
            "Parameters": parameters,
            "ResultPath": f"$.{resource.rsplit(':', 1)[1]}",
        } | ({"Next": following} if following else {"End": True})

    key = {"id": {"S.$": "$.id"}}
    update = {
        "TableName": "runs",
        "Key": key,
        "UpdateExpression": "SET #s = :s",
        "ExpressionAttributeNames": {"#s": "status"},
        "ExpressionAttributeValues": {":s": {"S": "done"}},
    }
    output = run(
        {
            "Put": task("dynamodb:putItem", {"TableName": "runs", "Item": key}, "Update"),
            "Update": task("dynamodb:updateItem", update, "Get"),
            "Get": task("dynamodb:getItem", {"TableName": "runs", "Key": key}, "Write"),
            "Write": task(
                "aws-sdk:s3:putObject",
                {"Bucket": "objects", "Key": "k", "Body": {"deep": [1]}},
                "Read",
            ),
            "Read": task("aws-sdk:s3:getObject", {"Bucket": "objects", "Key": "k"}, "Tell"),
            "Tell": task("sns:publish", {"TopicArn": topic, "Message": {"n": 1}}, "List"),
            "List": task("aws-sdk:sfn:listStateMachines", {"MaxResults": 1}, None),
        },
        {"id": "r1"},
    )
    assert output["getItem"]["Item"] == {"id": {"S": "r1"}, "status": {"S": "done"}}
    assert json.loads(output["getObject"]["Body"]) == {"deep": [1]}
    assert output["getObject"]["LastModified"].endswith("Z")
    assert json.loads(cloud.receive(queue_url)["Body"]["Message"]) == {"n": 1}
    assert set(output["listStateMachines"]["StateMachines"][0]) >= {"StateMachineArn", "Name"}


@pytest.mark.parametrize(
    ("resource", "parameters", "error"),
    [
        ("aws-sdk:s3:getObject", {"Bucket": "nowhere", "Key": "k"}, "S3.NoSuchBucketException"),
        (
            "aws-sdk:sagemaker:describeEndpoint",
            {"EndpointName": "no"},
            "SageMaker.SageMakerException",
        ),
        (
            "aws-sdk:dynamodb:getItem",
            {"TableName": "none", "Key": {"id": {"S": "x"}}},
            "DynamoDb.ResourceNotFoundException",
        ),
        (
            "aws-sdk:applicationautoscaling:deregisterScalableTarget",
            scalable_target("none", "AllTraffic"),
            "ApplicationAutoScaling.ObjectNotFoundException",
        ),
        (
            "dynamodb:getItem",
            {"TableName": "none", "Key": {"id": {"S": "x"}}},
            "DynamoDB.ResourceNotFoundException",
        ),
        ("lambda:invoke", {"FunctionName": "none"}, "Lambda.ResourceNotFoundException"),
    ],
)
def test_service_errors_have_the_names_that_step_functions_gives_them(
    run: Any, resource: str, parameters: Any, error: str
) -> None:
    state = {
        "Type": "Task",
        "Resource": f"arn:aws:states:::{resource}",
        "Parameters": parameters,
        "End": True,
    }
    assert run({"A": state})["error"] == error


def test_a_child_execution_is_started_and_waited_for(cloud: Cloud, run: Any) -> None:
    child = cloud.create_state_machine(
        "child", {"StartAt": "A", "States": {"A": PASS | {"Parameters": {"got.$": "$.n"}}}}
    )
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Parameters": {
            "StateMachineArn": child,
            "Name.$": "States.Format('child-of-{}', $$.Execution.Name)",
            "Input": {"n.$": "$.n"},
        },
        "OutputPath": "$.Output",
        "End": True,
    }
    assert run({"A": state}, {"n": 3}) == {"got": 3}
