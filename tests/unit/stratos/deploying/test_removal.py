import json

import boto3
import pytest

from stratos.deploying.removal import (
    StayingResource,
    delete_run_roles,
    delete_stack,
    delete_staying,
    what_stays,
)
from stratos.errors import StackFailed

KINDS = {"Key": "AWS::KMS::Key", "Bucket": "AWS::S3::Bucket", "Runs": "AWS::DynamoDB::Table"}


@pytest.fixture
def cloudformation(cloudformation):
    kept = {name: {"Type": kind, "DeletionPolicy": "Retain"} for name, kind in KINDS.items()}
    queue = {"Type": "AWS::SQS::Queue", "DeletionPolicy": "Delete"}
    cloudformation.template = {"Resources": kept | {"Queue": queue}}
    cloudformation.resources = [
        {"LogicalResourceId": name, "ResourceType": kind, "PhysicalResourceId": name.lower()}
        for name, kind in (KINDS | {"Queue": "AWS::SQS::Queue"}).items()
    ]
    cloudformation.add_stack("Stratos", "CREATE_COMPLETE")
    return cloudformation


def test_what_holds_data_stays_and_the_key_goes_last(cloudformation):
    assert [one.id for one in what_stays(cloudformation, "Stratos")] == ["bucket", "runs", "key"]


def test_protection_is_lifted_before_a_stack_is_deleted(account, cloudformation):
    delete_stack(account, "arn:Stratos", lambda event: None)
    assert cloudformation.protected == [False]
    assert cloudformation.stacks["Stratos"]["StackStatus"] == "DELETE_COMPLETE"


def test_roles_of_runs_are_deleted_and_none_beside_their_path(account):
    iam = boto3.client("iam")
    allowing = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allowing]})
    policy = iam.create_policy(PolicyName="jobs", PolicyDocument=document)["Policy"]["Arn"]
    for name, path in (("stratos-r-1-job", "/stratos/"), ("stratos-r-2-job", "/")):
        iam.create_role(RoleName=name, Path=path, AssumeRolePolicyDocument="{}")
        iam.attach_role_policy(RoleName=name, PolicyArn=policy)
    assert delete_run_roles(iam, "/stratos/") == ["stratos-r-1-job"]
    assert [role["RoleName"] for role in iam.list_roles()["Roles"]] == ["stratos-r-2-job"]


def test_a_role_that_the_sweeper_has_deleted_meanwhile_keeps_none_of_the_others(
    account, monkeypatch
):
    iam = boto3.client("iam")
    for name in ("stratos-r-1-job", "stratos-r-2-job"):
        iam.create_role(RoleName=name, Path="/stratos/", AssumeRolePolicyDocument="{}")
    look = iam.list_attached_role_policies

    def too_late(RoleName: str):  # noqa: N803
        if RoleName == "stratos-r-1-job":
            iam.delete_role(RoleName=RoleName)
        return look(RoleName=RoleName)

    monkeypatch.setattr(iam, "list_attached_role_policies", too_late)
    delete_run_roles(iam, "/stratos/")
    assert iam.list_roles()["Roles"] == []


def test_a_stack_that_cannot_be_deleted_says_why(account, cloudformation):
    cloudformation.ends_as = "DELETE_FAILED"
    cloudformation.told = [("Group", "AWS::Any", "DELETE_FAILED", "it is not empty")]
    with pytest.raises(StackFailed, match=r"Group .*it is not empty"):
        delete_stack(account, "arn:Stratos", lambda event: None)


def test_what_stayed_is_deleted_and_the_key_with_a_delay(account):
    dynamodb, kms = (boto3.client(name, region_name="eu-west-1") for name in ("dynamodb", "kms"))
    account.s3.create_bucket(
        Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    dynamodb.create_table(
        TableName="runs",
        KeySchema=[{"AttributeName": "run_id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "run_id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    emptied = []
    staying = [
        StayingResource(KINDS["Bucket"], "bucket"),
        StayingResource(KINDS["Runs"], "runs"),
        StayingResource(KINDS["Key"], key),
    ]
    told = list(
        delete_staying(
            staying, empty_bucket=emptied.append, dynamodb=dynamodb, kms=kms, s3=account.s3
        )
    )
    assert emptied == ["bucket"]
    assert account.s3.list_buckets()["Buckets"] == []
    assert dynamodb.list_tables()["TableNames"] == []
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingDeletion"
    assert "cancel-key-deletion" in told[-1]


def test_a_kind_that_nobody_knows_is_left_and_named(account):
    told = delete_staying(
        [StayingResource("AWS::EFS::FileSystem", "fs-1")],
        empty_bucket=lambda name: None,
        dynamodb=None,
        kms=None,
        s3=account.s3,
    )
    with pytest.raises(StackFailed, match="AWS::EFS::FileSystem fs-1 stays"):
        list(told)
