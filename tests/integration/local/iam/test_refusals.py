"""A refusal looks as the service's protocol has it."""

from __future__ import annotations

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from judged_cloud import client_as, make_role
from moto_cloud import Cloud

from infra.local.iam.sessions import Session

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


@pytest.mark.parametrize(
    ("service", "operation", "expected"),
    [
        ("sagemaker", "list_models", ("UnrecognizedClientException", 400)),
        ("lambda", "invoke", ("UnrecognizedClientException", 403)),
        ("cloudwatch", "describe_alarms", ("InvalidClientTokenId", 403)),
        ("sts", "get_caller_identity", ("InvalidClientTokenId", 403)),
        ("s3", "list_buckets", ("InvalidToken", 400)),
    ],
)
@pytest.mark.parametrize("token", [None, "c3RyYXRvczpb"])
def test_credentials_of_a_session_that_is_none_are_not_recognized(
    cloud: Cloud, service: str, operation: str, expected: tuple[str, int], token: str | None
) -> None:
    client = boto3.Session().client(
        service,
        endpoint_url=cloud.settings.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=Session.of_role("arn:aws:iam::1:role/r", "s").credentials().access_key,
        aws_secret_access_key="s",
        aws_session_token=token,
        config=Config(retries={"total_max_attempts": 1}),
    )
    with pytest.raises(ClientError) as refused:
        getattr(client, operation)(**REQUESTS.get(operation, {}))
    answer = refused.value.response
    found = answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]
    assert found == expected
