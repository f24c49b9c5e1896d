"""Requests of a role are judged; those of the account's administrator are not."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError
from judged_cloud import ACCOUNT, allow, client_as, document, grant, make_role
from moto_cloud import Cloud

from infra.local.iam.records import read

BUCKET = "arn:aws:s3:::reports"


def test_a_role_does_what_its_policy_allows_and_is_refused_the_rest(cloud: Cloud) -> None:
    cloud("s3").create_bucket(Bucket="reports")
    role = make_role(cloud, "writer", "lambda", allow("s3:PutObject", f"{BUCKET}/in/*"))
    s3 = client_as(cloud, role, "s3")
    s3.put_object(Bucket="reports", Key="in/a", Body=b"a")
    with pytest.raises(ClientError) as refused:
        s3.put_object(Bucket="reports", Key="out/a", Body=b"a")
    error = refused.value.response
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert error["Error"]["Code"] == "AccessDenied"
    assert error["Error"]["Message"] == (
        f"User: arn:aws:sts::{ACCOUNT}:assumed-role/writer/test is not authorized to perform: "
        f's3:PutObject on resource: "{BUCKET}/out/a" because no identity-based policy allows the '
        "s3:PutObject action"
    )


def test_a_policy_counts_from_the_moment_it_changes(cloud: Cloud) -> None:
    role = make_role(cloud, "changing", "lambda", allow("sns:ListTopics"))
    queues = client_as(cloud, role, "sqs")
    url, arn = cloud.create_queue("changing")
    with pytest.raises(ClientError, match="sqs:SendMessage"):
        queues.send_message(QueueUrl=url, MessageBody="1")
    grant(cloud, "changing", allow("sqs:SendMessage", arn))
    queues.send_message(QueueUrl=url, MessageBody="2")
    assert cloud.receive(url)["Body"] == 2


def test_a_managed_policy_counts_while_it_is_attached(cloud: Cloud) -> None:
    role = make_role(cloud, "managed", "lambda")
    url, arn = cloud.create_queue("managed")
    policy = cloud("iam").create_policy(
        PolicyName="Senders", PolicyDocument=document(allow("sqs:SendMessage", arn))
    )["Policy"]["Arn"]
    cloud("iam").attach_role_policy(RoleName="managed", PolicyArn=policy)
    client_as(cloud, role, "sqs").send_message(QueueUrl=url, MessageBody="1")
    cloud("iam").detach_role_policy(RoleName="managed", PolicyArn=policy)
    with pytest.raises(ClientError, match="sqs:SendMessage"):
        client_as(cloud, role, "sqs").send_message(QueueUrl=url, MessageBody="2")


def test_an_explicit_deny_is_named_as_one(cloud: Cloud) -> None:
    url, arn = cloud.create_queue("denied")
    deny = {"Effect": "Deny", "Action": "sqs:*", "Resource": "*"}
    role = make_role(cloud, "denied", "lambda", allow("*"), deny)
    with pytest.raises(ClientError) as refused:
        client_as(cloud, role, "sqs").send_message(QueueUrl=url, MessageBody="1")
    assert refused.value.response["Error"]["Message"].endswith(
        f"sqs:SendMessage on resource: {arn} with an explicit deny in an identity-based policy"
    )


def test_a_bucket_policy_denies_a_role_that_may_do_anything(cloud: Cloud) -> None:
    cloud("s3").create_bucket(Bucket="closed")
    role = make_role(cloud, "reader", "lambda", allow("*"))
    deny = {"Effect": "Deny", "Principal": {"AWS": role}, "Action": "s3:GetObject"}
    policy = document(deny | {"Resource": "arn:aws:s3:::closed/*"})
    cloud("s3").put_object(Bucket="closed", Key="a", Body=b"a")
    cloud("s3").put_bucket_policy(Bucket="closed", Policy=policy)
    with pytest.raises(ClientError, match="with an explicit deny in a resource-based policy"):
        client_as(cloud, role, "s3").get_object(Bucket="closed", Key="a")


def test_an_operation_that_nothing_maps_is_refused_and_says_so(cloud: Cloud) -> None:
    role = make_role(cloud, "anything", "lambda", allow("*"))
    with pytest.raises(ClientError, match="does not know which action kms CreateKey needs"):
        client_as(cloud, role, "kms").create_key()


def test_a_role_that_is_gone_may_do_nothing(cloud: Cloud) -> None:
    url, _ = cloud.create_queue("gone")
    queues = client_as(cloud, f"arn:aws:iam::{ACCOUNT}:role/gone", "sqs")
    with pytest.raises(ClientError, match="not authorized to perform: sqs:SendMessage"):
        queues.send_message(QueueUrl=url, MessageBody="1")


def test_what_was_judged_is_recorded(cloud: Cloud) -> None:
    role = make_role(cloud, "recorded", "lambda", allow("s3:ListAllMyBuckets"))
    client_as(cloud, role, "s3").list_buckets()
    records = read(cloud.settings.state_dir / "iam.jsonl")
    found = [one for one in records if one.call.principal.arn == role]
    assert [(one.call.action, one.decision.by[0].source) for one in found] == [
        ("s3:ListAllMyBuckets", "recordedPolicy")
    ]
