"""A bucket policy decides what it can decide here, and nothing else."""

import json

import pytest
from botocore.exceptions import ClientError
from moto_cloud import running_cloud

from infra.local.s3.bucket_policies import BucketPolicies


def statement(effect: str, action: str, **more: object) -> dict[str, object]:
    return {
        "Effect": effect,
        "Principal": "*",
        "Action": action,
        "Resource": ["arn:aws:s3:::box", "arn:aws:s3:::box/*"],
    } | more


@pytest.fixture
def s3(tmp_path):
    with running_cloud(tmp_path, BucketPolicies()) as cloud:
        s3 = cloud("s3")
        s3.create_bucket(Bucket="box")
        yield s3


def put_policy(s3, *statements: dict[str, object]) -> None:
    policy = {"Version": "2012-10-17", "Statement": list(statements)}
    s3.put_bucket_policy(Bucket="box", Policy=json.dumps(policy))


def test_a_denial_of_plain_http_denies_no_one_here(s3):
    insecure = {"Bool": {"aws:SecureTransport": "false"}}
    put_policy(s3, statement("Deny", "s3:*", Condition=insecure))
    s3.put_object(Bucket="box", Key="k", Body=b"v")
    assert s3.get_object(Bucket="box", Key="k")["Body"].read() == b"v"
    stored = json.loads(s3.get_bucket_policy(Bucket="box")["Policy"])
    assert stored["Statement"][0]["Condition"] == insecure


def test_a_denial_without_condition_still_denies(s3):
    put_policy(s3, statement("Deny", "s3:GetObject"))
    s3.put_object(Bucket="box", Key="k", Body=b"v")
    with pytest.raises(ClientError, match=r"403|Denied"):
        s3.get_object(Bucket="box", Key="k")
