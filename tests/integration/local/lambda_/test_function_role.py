"""A function calls AWS as its role, and writes its log by its role's rights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from judged_cloud import ACCOUNT, allow, judged_cloud, make_role
from moto_cloud import Cloud

from infra.local.lambda_.function_processes import FunctionProcesses

TELL = """
import boto3

def handler(event, context):
    try:
        boto3.client("sqs").send_message(QueueUrl=event["url"], MessageBody="1")
    except Exception as error:
        return str(error)
    return "sent"
"""
LOGS = ["logs:CreateLogStream", "logs:PutLogEvents"]


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    functions = FunctionProcesses(retry_waits_seconds=(0.01, 0.02))
    with judged_cloud(tmp_path_factory.mktemp("cloud"), functions) as running:
        yield running


def logged(cloud: Cloud, group: str) -> list[Any]:
    groups = cloud("logs").describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    if not groups:
        return []
    return list(cloud("logs").describe_log_streams(logGroupName=group)["logStreams"])


def test_a_function_may_do_what_its_role_may(judged: Cloud) -> None:
    url, arn = judged.create_queue("told")
    role = make_role(judged, "telling", "lambda", allow("sqs:SendMessage", arn), allow(LOGS))
    judged.create_function("telling", TELL, Role=role)
    assert judged.invoke("telling", {"url": url})["Payload"] == "sent"
    assert len(logged(judged, "/aws/lambda/telling")) == 1


def test_a_function_is_refused_as_its_role_and_without_rights_it_has_no_log(
    judged: Cloud,
) -> None:
    url, arn = judged.create_queue("closed")
    judged.create_function("silent", TELL, Role=make_role(judged, "silent", "lambda"))
    answer = judged.invoke("silent", {"url": url})["Payload"]
    assert (
        f"User: arn:aws:sts::{ACCOUNT}:assumed-role/silent/silent is not authorized to perform: "
        f"sqs:SendMessage on resource: {arn}"
    ) in answer
    assert logged(judged, "/aws/lambda/silent") == []


def test_a_function_does_not_run_whose_role_does_not_trust_lambda(judged: Cloud) -> None:
    judged.create_function("foreign", TELL, Role=make_role(judged, "foreign", "sagemaker"))
    with pytest.raises(ClientError, match="cannot be assumed by Lambda"):
        judged.invoke("foreign", {})


def test_lambda_names_no_account_and_no_source_as_it_takes_on_a_role(judged: Cloud) -> None:
    for key in ("aws:SourceAccount", "aws:SourceArn"):
        role = make_role(judged, key[4:], "lambda", StringLike={key: "*"})
        judged.create_function(key[4:], TELL, Role=role)
        with pytest.raises(ClientError, match="cannot be assumed by Lambda"):
            judged.invoke(key[4:], {})


def test_a_destination_is_told_by_the_function_s_role(judged: Cloud) -> None:
    url, arn = judged.create_queue("destination")
    role = make_role(judged, "reporting", "lambda", allow("sqs:SendMessage", arn))
    judged.create_function("reporting", "def handler(e, c): return 7", Role=role)
    judged("lambda").put_function_event_invoke_config(
        FunctionName="reporting", DestinationConfig={"OnSuccess": {"Destination": arn}}
    )
    judged.invoke("reporting", {}, InvocationType="Event")
    assert judged.receive(url)["Body"]["responsePayload"] == 7
