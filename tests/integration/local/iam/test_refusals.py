"""A refusal looks as the service's protocol has it."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError
from judged_cloud import client_as, make_role
from moto_cloud import Cloud

EXPECTED = {
    ("sagemaker", "list_models"): ("AccessDeniedException", 400),
    ("dynamodb", "scan"): ("AccessDeniedException", 400),
    ("lambda", "invoke"): ("AccessDeniedException", 403),
    ("scheduler", "list_schedules"): ("AccessDeniedException", 403),
    ("sagemaker-runtime", "invoke_endpoint"): ("AccessDeniedException", 403),
    ("cloudwatch", "describe_alarms"): ("AccessDenied", 403),
    ("sns", "publish"): ("AuthorizationError", 403),
    ("s3", "list_buckets"): ("AccessDenied", 403),
    ("s3", "head_bucket"): ("403", 403),
}
REQUESTS = {
    "scan": {"TableName": "runs"},
    "invoke": {"FunctionName": "work"},
    "invoke_endpoint": {"EndpointName": "one", "Body": b"{}"},
    "publish": {"TopicArn": "arn:aws:sns:us-east-1:123456789012:news", "Message": "m"},
    "head_bucket": {"Bucket": "reports"},
}


@pytest.fixture(scope="module")
def nobody(cloud: Cloud) -> str:
    return make_role(cloud, "nobody", "lambda")


@pytest.mark.parametrize(("service", "operation"), EXPECTED)
def test_each_protocol_has_its_refusal(
    cloud: Cloud, nobody: str, service: str, operation: str
) -> None:
    client = client_as(cloud, nobody, service)
    with pytest.raises(ClientError) as refused:
        getattr(client, operation)(**REQUESTS.get(operation, {}))
    answer = refused.value.response
    found = answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]
    assert found == EXPECTED[service, operation]
    if operation != "head_bucket":  # HEAD has no body that could say more
        assert "because no identity-based policy allows the" in answer["Error"]["Message"]
