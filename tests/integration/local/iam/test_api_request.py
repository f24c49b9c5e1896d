"""Requests are read whatever protocol they come in."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.session import get_session
from judged_cloud import allow, client_as, make_role
from moto_cloud import Cloud

from infra.local.iam import enforcement
from infra.local.iam.actions import FREE, RULES
from infra.local.iam.api_request import ApiRequest


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[ApiRequest]:
    found: list[ApiRequest] = []
    original = ApiRequest.of

    def read(response: Any) -> ApiRequest:
        request = original(response)
        found.append(request)
        return request

    monkeypatch.setattr(enforcement.ApiRequest, "of", read)
    return found


@pytest.fixture(scope="module")
def role(cloud: Cloud) -> str:
    return make_role(cloud, "reader", "lambda", allow("*"))


def test_names_are_those_of_the_service_s_model(
    cloud: Cloud, role: str, seen: list[ApiRequest]
) -> None:
    cloud("s3").create_bucket(Bucket="plain")
    client_as(cloud, role, "s3").list_objects_v2(Bucket="plain", Prefix="a/b c")
    client_as(cloud, role, "sagemaker").list_models(NameContains="m")
    client_as(cloud, role, "logs").describe_log_groups(logGroupNamePrefix="/aws")
    client_as(cloud, role, "cloudwatch").describe_alarms(AlarmNames=["a"])
    client_as(cloud, role, "scheduler").list_schedules(GroupName="g")
    url, _ = cloud.create_queue("plain")
    client_as(cloud, role, "sqs").send_message(QueueUrl=url, MessageBody=json.dumps(1))
    found = {(one.service, one.operation): one.parameters for one in seen}
    assert found["s3", "ListObjectsV2"]["Bucket"] == "plain"
    assert found["s3", "ListObjectsV2"]["prefix"] == "a/b c"
    assert found["sagemaker", "ListModels"]["NameContains"] == "m"
    assert found["logs", "DescribeLogGroups"]["logGroupNamePrefix"] == "/aws"
    assert found["cloudwatch", "DescribeAlarms"]["AlarmNames"] == ["a"]
    assert found["scheduler", "ListSchedules"]["ScheduleGroup"] == "g"
    assert found["sqs", "SendMessage"]["QueueUrl"] == url


def test_keys_are_read_as_they_were_written(
    cloud: Cloud, role: str, seen: list[ApiRequest]
) -> None:
    cloud("s3").create_bucket(Bucket="keys")
    s3 = client_as(cloud, role, "s3")
    for key in ("a/b c", "ü/é+%25", "folder/"):
        s3.put_object(Bucket="keys", Key=key, Body=b"")
        s3.head_object(Bucket="keys", Key=key)
        assert [(one.operation, one.parameters["Key"]) for one in seen[-2:]] == [
            ("PutObject", key),
            ("HeadObject", key),
        ]


def test_every_rule_is_of_an_operation_that_its_service_has() -> None:
    session = get_session()
    unknown = [
        (service, operation)
        for service, rules in {**RULES, **{name: {op: None} for name, op in FREE}}.items()
        for operation in rules
        if operation not in session.get_service_model(service).operation_names
    ]
    assert unknown == []
