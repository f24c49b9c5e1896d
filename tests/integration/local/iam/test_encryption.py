"""What is encrypted with a key of the account needs the key too."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError
from judged_cloud import ACCOUNT, allow, client_as, document, grant, make_key, make_role
from moto_cloud import Cloud


@pytest.fixture(scope="module")
def key(cloud: Cloud) -> str:
    return make_key(cloud)


def test_objects_of_an_encrypted_bucket_need_its_key(cloud: Cloud, key: str) -> None:
    cloud("s3").create_bucket(Bucket="locked")
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    cloud("s3").put_bucket_encryption(
        Bucket="locked",
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": default}]
        },
    )
    objects = allow(["s3:GetObject", "s3:PutObject"], "arn:aws:s3:::locked/*")
    role = make_role(cloud, "locksmith", "lambda", objects)
    s3 = client_as(cloud, role, "s3")
    with pytest.raises(ClientError, match="kms:GenerateDataKey on resource: arn:aws:kms"):
        s3.put_object(Bucket="locked", Key="a", Body=b"a")
    grant(cloud, "locksmith", objects, allow("kms:GenerateDataKey", key))
    s3.put_object(Bucket="locked", Key="a", Body=b"a")
    s3.head_object(Bucket="locked", Key="a")  # tells of it, and opens nothing
    with pytest.raises(ClientError, match="kms:Decrypt"):
        s3.get_object(Bucket="locked", Key="a")
    grant(cloud, "locksmith", objects, allow("kms:Decrypt", key))
    assert s3.get_object(Bucket="locked", Key="a")["Body"].read() == b"a"


def test_a_key_may_be_named_by_its_alias_and_a_bucket_by_its_account(cloud: Cloud) -> None:
    key, other = make_key(cloud), make_key(cloud)
    cloud("kms").create_alias(AliasName="alias/named", TargetKeyId=key)
    for bucket, its_key in (("named", key), ("unnamed", other)):
        cloud("s3").create_bucket(Bucket=bucket)
        default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": its_key}
        cloud("s3").put_bucket_encryption(
            Bucket=bucket,
            ServerSideEncryptionConfiguration={
                "Rules": [{"ApplyServerSideEncryptionByDefault": default}]
            },
        )
    here = {"StringEquals": {"aws:ResourceAccount": ACCOUNT}}
    objects = allow("s3:PutObject", "arn:aws:s3:::*named/*", **here)
    by_alias = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/named"}}
    keys = allow("kms:GenerateDataKey", f"arn:aws:kms:us-east-1:{ACCOUNT}:key/*", **by_alias)
    s3 = client_as(cloud, make_role(cloud, "by-name", "lambda", objects, keys), "s3")
    s3.put_object(Bucket="named", Key="a", Body=b"a")
    with pytest.raises(ClientError, match="kms:GenerateDataKey"):
        s3.put_object(Bucket="unnamed", Key="a", Body=b"a")
    there = {"StringEquals": {"aws:ResourceAccount": "210987654321"}}
    grant(cloud, "by-name", allow("s3:PutObject", "arn:aws:s3:::*named/*", **there), keys)
    with pytest.raises(ClientError, match="s3:PutObject"):
        s3.put_object(Bucket="named", Key="a", Body=b"a")


def test_a_topic_and_a_queue_need_their_key_of_who_sends(cloud: Cloud, key: str) -> None:
    topic = cloud("sns").create_topic(Name="locked", Attributes={"KmsMasterKeyId": key})["TopicArn"]
    url = cloud("sqs").create_queue(QueueName="locked", Attributes={"KmsMasterKeyId": key})[
        "QueueUrl"
    ]
    sending = allow(["sns:Publish", "sqs:SendMessage"])
    role = make_role(cloud, "sender", "lambda", sending)
    sns, sqs = client_as(cloud, role, "sns"), client_as(cloud, role, "sqs")
    with pytest.raises(ClientError, match="kms:GenerateDataKey"):
        sns.publish(TopicArn=topic, Message="m")
    with pytest.raises(ClientError, match="kms:GenerateDataKey"):
        sqs.send_message(QueueUrl=url, MessageBody="1")
    grant(cloud, "sender", sending, allow(["kms:GenerateDataKey", "kms:Decrypt"], key))
    sns.publish(TopicArn=topic, Message="m")
    sqs.send_message(QueueUrl=url, MessageBody="1")


def test_a_key_that_aws_keeps_needs_nothing(cloud: Cloud) -> None:
    attributes = {"KmsMasterKeyId": "alias/aws/sns"}
    topic = cloud("sns").create_topic(Name="kept", Attributes=attributes)["TopicArn"]
    role = make_role(cloud, "teller", "lambda", allow("sns:Publish", topic))
    client_as(cloud, role, "sns").publish(TopicArn=topic, Message="m")


def test_a_key_that_does_not_know_the_account_is_closed_to_its_roles(cloud: Cloud) -> None:
    role = make_role(cloud, "stranger", "lambda", allow("*"))
    other = make_role(cloud, "owner", "lambda")
    named = {"Effect": "Allow", "Principal": {"AWS": other}, "Action": "kms:*", "Resource": "*"}
    closed = cloud("kms").create_key(Policy=document(named))["KeyMetadata"]["KeyId"]
    with pytest.raises(ClientError, match="kms:DescribeKey"):
        client_as(cloud, role, "kms").describe_key(KeyId=closed)
    client_as(cloud, other, "kms").describe_key(KeyId=closed)
