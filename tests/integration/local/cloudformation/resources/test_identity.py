"""Roles and policies, and what else is named: schedules, keys, secrets and model groups."""

from __future__ import annotations

import json
from typing import Any

from assembly import ROLE
from moto_cloud import Cloud
from stacks import POLICY, Stack, arn, ref


def test_roles_and_policies_follow_their_update(cloud: Cloud, stack: Stack) -> None:
    managed = {"Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/service-role/Basic"}
    resources: dict[str, Any] = {
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                **ROLE["Properties"],
                "ManagedPolicyArns": [managed],
                "Policies": [{"PolicyName": "own", "PolicyDocument": POLICY}],
            },
        },
        "Extra": {
            "Type": "AWS::IAM::Policy",
            "Properties": {
                "PolicyName": "extra",
                "PolicyDocument": POLICY,
                "Roles": [ref("Role")],
            },
        },
    }
    role = stack.create(resources, Role=ref("Role"))["Role"]
    iam = cloud("iam")
    assert sorted(iam.list_role_policies(RoleName=role)["PolicyNames"]) == ["extra", "own"]
    wider = {**POLICY, "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    resources["Extra"]["Properties"]["PolicyDocument"] = wider
    resources["Role"]["Properties"]["Policies"] = []
    stack.update(resources)
    assert iam.list_role_policies(RoleName=role)["PolicyNames"] == ["extra"]
    assert iam.get_role_policy(RoleName=role, PolicyName="extra")["PolicyDocument"] == wider
    stack.delete()
    assert role not in {item["RoleName"] for item in iam.list_roles()["Roles"]}


def test_an_updated_policy_stays_with_a_role_that_no_stack_has(cloud: Cloud, stack: Stack) -> None:
    policy: dict[str, Any] = {
        "Type": "AWS::IAM::ManagedPolicy",
        "Properties": {"PolicyDocument": POLICY},
    }
    arn_of_policy = stack.create({"Policy": policy}, Policy=ref("Policy"))["Policy"]
    iam = cloud("iam")
    iam.create_role(RoleName="of-a-run", AssumeRolePolicyDocument=json.dumps(POLICY))
    iam.attach_role_policy(RoleName="of-a-run", PolicyArn=arn_of_policy)
    for action in ("s3:Get*", "s3:List*", "s3:Put*"):
        document = {"Version": "2012-10-17", "Statement": []}
        document["Statement"] = [{"Effect": "Allow", "Action": action, "Resource": "*"}]
        policy["Properties"]["PolicyDocument"] = document
        assert stack.update({"Policy": policy}, Policy=ref("Policy"))["Policy"] == arn_of_policy
        version = iam.get_policy(PolicyArn=arn_of_policy)["Policy"]["DefaultVersionId"]
        found = iam.get_policy_version(PolicyArn=arn_of_policy, VersionId=version)
        assert found["PolicyVersion"]["Document"] == document
    assert len(iam.list_policy_versions(PolicyArn=arn_of_policy)["Versions"]) <= 2
    (attached,) = iam.list_attached_role_policies(RoleName="of-a-run")["AttachedPolicies"]
    assert attached["PolicyArn"] == arn_of_policy
    iam.detach_role_policy(RoleName="of-a-run", PolicyArn=arn_of_policy)
    iam.delete_role(RoleName="of-a-run")


def test_schedules_keys_secrets_and_model_package_groups(cloud: Cloud, stack: Stack) -> None:
    schedule = {
        "GroupName": ref("Group"),
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "ScheduleExpression": "rate(7 days)",
        "State": "DISABLED",
        "Target": {"Arn": arn("Role"), "RoleArn": arn("Role"), "Input": "{}"},
    }
    resources: dict[str, Any] = {
        "Role": ROLE,
        "Group": {"Type": "AWS::Scheduler::ScheduleGroup", "Properties": {"Name": "reruns"}},
        "Weekly": {"Type": "AWS::Scheduler::Schedule", "Properties": schedule},
        "Key": {
            "Type": "AWS::KMS::Key",
            "Properties": {"KeyPolicy": POLICY, "EnableKeyRotation": True},
        },
        "Alias": {
            "Type": "AWS::KMS::Alias",
            "Properties": {"AliasName": "alias/stratos", "TargetKeyId": arn("Key")},
        },
        "Students": {
            "Type": "AWS::SageMaker::ModelPackageGroup",
            "Properties": {"ModelPackageGroupName": "students"},
        },
        "Token": {
            "Type": "AWS::SecretsManager::Secret",
            "Properties": {"Name": "token", "SecretString": "s3cret"},
        },
    }
    made = stack.create(resources, Weekly=ref("Weekly"), Key=ref("Key"), Token=ref("Token"))
    found = cloud("scheduler").get_schedule(Name=made["Weekly"], GroupName="reruns")
    assert found["ScheduleExpression"] == "rate(7 days)"
    assert cloud("kms").describe_key(KeyId="alias/stratos")["KeyMetadata"]["KeyId"] == made["Key"]
    assert cloud("kms").get_key_rotation_status(KeyId=made["Key"])["KeyRotationEnabled"]
    value = cloud("secretsmanager").get_secret_value(SecretId=made["Token"])
    assert value["SecretString"] == "s3cret"
    groups = cloud("sagemaker").list_model_package_groups()["ModelPackageGroupSummaryList"]
    assert [group["ModelPackageGroupName"] for group in groups] == ["students"]
    schedule["ScheduleExpression"] = "rate(1 day)"
    stack.update(resources)
    found = cloud("scheduler").get_schedule(Name=made["Weekly"], GroupName="reruns")
    assert found["ScheduleExpression"] == "rate(1 day)"
    stack.delete()
    assert cloud("scheduler").list_schedules()["Schedules"] == []
    assert cloud("sagemaker").list_model_package_groups()["ModelPackageGroupSummaryList"] == []
