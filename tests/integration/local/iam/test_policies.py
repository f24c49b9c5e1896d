"""Policies are found where they stand: at roles, keys, topics, queues, functions and buckets."""

from __future__ import annotations

import pytest
from judged_cloud import ACCOUNT, allow, document, make_key, make_role
from moto_cloud import Cloud

from infra.local.iam import policies

BY_EVENTS = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}}


def test_a_role_s_statements_are_named_after_their_policies(cloud: Cloud) -> None:
    role = make_role(cloud, "named", "lambda", allow("s3:GetObject"), allow("s3:PutObject"))
    found = [(one.name.source, one.name.index) for one in policies.of_role(role)]
    assert found == [("namedPolicy", 0), ("namedPolicy", 1)]
    assert [one.name.source for one in policies.trust_of(role)] == ["named"]


def test_a_role_that_is_not_there_has_no_statements() -> None:
    assert policies.of_role(f"arn:aws:iam::{ACCOUNT}:role/absent") == ()
    assert policies.trust_of("no ARN") == ()


def test_a_queue_a_topic_and_a_key_have_policies(cloud: Cloud) -> None:
    url, queue = cloud.create_queue("told")
    sending = document({**BY_EVENTS, "Action": "sqs:SendMessage", "Resource": queue})
    cloud("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": sending})
    topic = cloud("sns").create_topic(Name="told")["TopicArn"]
    publishing = document({**BY_EVENTS, "Action": "sns:Publish", "Resource": topic})
    cloud("sns").set_topic_attributes(
        TopicArn=topic, AttributeName="Policy", AttributeValue=publishing
    )
    found = {arn: policies.of_resource(arn) for arn in (queue, topic, make_key(cloud))}
    assert [one.actions for [one] in found.values()] == [
        ("sqs:SendMessage",),
        ("sns:Publish",),
        ("kms:*",),
    ]
    assert all(one.name.source == arn for arn, [one] in found.items())


def test_an_object_is_under_its_bucket_s_policy(cloud: Cloud) -> None:
    cloud("s3").create_bucket(Bucket="ruled")
    statement = allow("s3:GetObject", "arn:aws:s3:::ruled/*") | {"Principal": "*"}
    cloud("s3").put_bucket_policy(Bucket="ruled", Policy=document(statement))
    assert policies.of_resource("arn:aws:s3:::ruled/a/b") == policies.of_resource(
        "arn:aws:s3:::ruled"
    )
    assert len(policies.of_resource("arn:aws:s3:::ruled")) == 1


@pytest.mark.parametrize("arn", ["*", "arn:aws:sqs:us-east-1:123456789012:absent", "arn:a:b:c:d:e"])
def test_what_has_no_policy_has_no_statements(cloud: Cloud, arn: str) -> None:
    assert policies.of_resource(arn) == ()
