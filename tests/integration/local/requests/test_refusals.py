"""Requests that moto takes and AWS refuses, by the constraints of botocore's service models."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto_cloud import ROLE, Cloud, running_cloud

from infra.local.requests.refusals import RequestValidation

VARIANT = {
    "VariantName": "v",
    "ModelName": "m",
    "InstanceType": "ml.local.cpu2",
    "InitialInstanceCount": 1,
}
TABLE = {
    "TableName": "rows",
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with running_cloud(tmp_path_factory.mktemp("cloud"), RequestValidation()) as running:
        yield running


def refusal(call: Callable[[], Any]) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call()
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def model(**changes: Any) -> dict[str, Any]:
    container = {"Image": "image", "ModelDataUrl": "s3://b/model.tar.gz"}
    return {"ModelName": "m", "ExecutionRoleArn": ROLE, "PrimaryContainer": container} | changes


REFUSED: dict[str, tuple[str, str, dict[str, Any], str, str]] = {
    "a name with an underscore": (
        *("sagemaker", "create_model", model(ModelName="a_b"), "ValidationException"),
        "Value 'a_b' at 'modelName' failed to satisfy constraint: Member must satisfy regular "
        "expression pattern",
    ),
    "a role that is no ARN": (
        *("sagemaker", "create_model", model(ExecutionRoleArn="role/of-twenty-letters")),
        *("ValidationException", "at 'executionRoleArn' failed to satisfy constraint"),
    ),
    "fifty-one tags": (
        "sagemaker",
        "create_model",
        model(Tags=[{"Key": str(number), "Value": "v"} for number in range(51)]),
        *("ValidationException", "at 'tags' failed to satisfy constraint: Member must have length"),
    ),
    "an instance type that there is not": (
        "sagemaker",
        "create_endpoint_config",
        {
            "EndpointConfigName": "c",
            "ProductionVariants": [VARIANT | {"InstanceType": "ml.none.large"}],
        },
        *("ValidationException", "at 'productionVariants.1.member.instanceType' failed"),
    ),
    "a table's mode": (
        *("dynamodb", "create_table", TABLE | {"BillingMode": "FREE"}, "ValidationException"),
        "Member must satisfy enum value set: [PROVISIONED, PAY_PER_REQUEST]",
    ),
    "a schedule's window": (
        "scheduler",
        "create_schedule",
        {
            "Name": "weekly",
            "ScheduleExpression": "rate(1 day)",
            "FlexibleTimeWindow": {"Mode": "NEVER"},
            "Target": {"Arn": ROLE, "RoleArn": ROLE},
        },
        *("ValidationException", "at 'flexibleTimeWindow.mode' failed to satisfy constraint"),
    ),
    "a role's name": (
        *("iam", "create_role", {"RoleName": "a b", "AssumeRolePolicyDocument": "{}"}),
        *("ValidationError", "at 'roleName' failed to satisfy constraint"),
    ),
    "a log group's name": (
        *("logs", "create_log_group", {"logGroupName": "a b"}, "InvalidParameterException"),
        "at 'logGroupName' failed to satisfy constraint",
    ),
    "a variable of one letter": (
        "lambda",
        "update_function_configuration",
        {"FunctionName": "f", "Environment": {"Variables": {"K": "v"}}},
        *("ValidationException", "Map keys must satisfy constraint: [Member must satisfy regular"),
    ),
    "a long name of an alarm": (
        "cloudwatch",
        "put_metric_alarm",
        {
            "AlarmName": "a" * 256,
            "ComparisonOperator": "GreaterThanThreshold",
            "EvaluationPeriods": 1,
        },
        *("ValidationError", "at 'alarmName' failed to satisfy constraint: Member must have"),
    ),
    "a target's id": (
        *("events", "put_targets", {"Rule": "r", "Targets": [{"Id": "a b", "Arn": ROLE}]}),
        *("ValidationException", "at 'targets.1.member.id' failed to satisfy constraint"),
    ),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED.keys())
def test_a_request_is_refused_in_the_words_of_aws(
    cloud: Cloud, case: tuple[str, str, dict[str, Any], str, str]
) -> None:
    service, operation, request, code, words = case
    found, message = refusal(lambda: getattr(cloud(service), operation)(**request))
    assert found == code
    assert message.startswith("1 validation error detected: ")
    assert words in message


def test_every_problem_is_said_at_once(cloud: Cloud) -> None:
    request = model(ModelName="a_b", ExecutionRoleArn="role/of-twenty-letters")
    _, message = refusal(lambda: cloud("sagemaker").create_model(**request))
    assert message.startswith("2 validation errors detected: ")


def test_a_request_that_aws_takes_goes_through(cloud: Cloud) -> None:
    cloud("sagemaker").create_model(**model(ModelName="good"))
    assert cloud("dynamodb").create_table(**TABLE)["TableDescription"]["TableName"] == "rows"
    with pytest.raises(ClientError, match=r"404|ResourceNotFound"):
        cloud("lambda").get_function(FunctionName="absent")


def test_an_instance_type_of_this_machine_is_known(cloud: Cloud) -> None:
    request = {"EndpointConfigName": "local", "ProductionVariants": [VARIANT | {"ModelName": "x"}]}
    _, message = refusal(lambda: cloud("sagemaker").create_endpoint_config(**request))
    assert "validation error detected" not in message
