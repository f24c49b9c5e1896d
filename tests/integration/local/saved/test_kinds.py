"""What no stack made comes back, too, and what an earlier version saved of it."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from moto_cloud import ROLE, running_cloud
from moto_cloud import ROLE as ROLE_ARN
from restarts import make_role, serving

from infra.local.events.scheduler import FIRING, Scheduler
from infra.local.host.clients import cloud_at
from infra.local.saved.journal import Journal
from infra.local.saved.kinds import SavedParameters, SavedRoles, SavedSchedules
from tests.patience import eventually

CREATED = "2026-11-01T06:00:00+00:00"


def saved(name: str, expression: str, **fields: Any) -> dict[str, Any]:
    """A schedule as a saved state has it."""
    request = {
        "Name": name,
        "GroupName": "default",
        "ScheduleExpression": expression,
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "State": "DISABLED",
        "Target": {"Arn": "arn:aws:sqs:us-east-1:123456789012:q", "RoleArn": ROLE, "Input": "{}"},
        **fields,
    }
    return {"request": request, "created": CREATED}


def test_saved_schedules_come_back_with_their_time_zone_or_utc(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    records = [
        saved("weekly", "rate(7 days)", ScheduleExpressionTimezone="UTC"),
        saved("before-time-zones", "cron(0 6 ? * MON *)"),
        saved("berlin", "cron(0 6 ? * MON *)", ScheduleExpressionTimezone="Europe/Berlin"),
        saved("backwards", "cron(0 6 ? * MON 2040-2030)"),  # an earlier parser took it
    ]
    with running_cloud(tmp_path, Scheduler()) as running, caplog.at_level(logging.WARNING):
        schedules = SavedSchedules()
        schedules.restore(cloud_at(running.settings.endpoint_url), records)
        scheduler = running("scheduler")
        found = {
            item["Name"]: scheduler.get_schedule(Name=item["Name"])
            for item in scheduler.list_schedules()["Schedules"]
        }
        again = schedules.save(cloud_at(running.settings.endpoint_url))
    zones = {name: schedule["ScheduleExpressionTimezone"] for name, schedule in found.items()}
    assert zones == {"weekly": "UTC", "before-time-zones": "UTC", "berlin": "Europe/Berlin"}
    assert found["weekly"]["StartDate"].minute == 0, "the rhythm of before"
    assert "schedule backwards is not made again: Invalid Schedule Expression" in caplog.text
    assert {record["request"]["Name"] for record in again} == set(zones)


def test_a_parameter_that_was_saved_without_its_type_comes_back_and_is_saved_again(
    tmp_path: Path,
) -> None:
    with running_cloud(tmp_path) as running:
        cloud, parameters = cloud_at(running.settings.endpoint_url), SavedParameters()
        parameters.restore(cloud, [{"Name": "/cdk-bootstrap/q/version", "Value": "21"}])
        [again] = parameters.save(cloud)
    assert again == {"Name": "/cdk-bootstrap/q/version", "Type": "String", "Value": "21"}


def test_a_schedule_of_one_time_that_has_fired_since_it_was_saved_is_not_made_again(
    tmp_path: Path,
) -> None:
    def fired(name: str, due: str) -> dict[str, Any]:
        arn = f"arn:aws:scheduler:us-east-1:123456789012:schedule/default/{name}"
        return {"errand": {"kind": FIRING, "id": name, "content": {"arn": arn, "due": due}}}

    schedules = [
        saved("fired", "at(2035-01-01T00:00:00)"),
        saved("put-anew", "at(2035-01-02T00:00:00)"),
        saved("other", "at(2035-01-01T00:00:00)"),
        saved("again", "rate(7 days)"),
    ]
    state = {"format": 2, "stacks": [], "buckets": {}, "aborted": []}
    records = {"us-east-1": {"schedules": schedules}}
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "state.json").write_text(json.dumps(state | {"records": records}))
    journal = Journal(tmp_path / "saved")
    journal.begin()
    for name in ("fired", "put-anew", "again"):
        journal.write(fired(name, "2035-01-01T00:00:00+00:00"))
        journal.write({"done": name})
    journal.close()
    with serving(tmp_path) as cloud:
        listed = cloud("scheduler").list_schedules()["Schedules"]
    assert {schedule["Name"] for schedule in listed} == {"put-anew", "other", "again"}


def test_data_and_schedules_that_no_stack_made_come_back(tmp_path: Path) -> None:
    with serving(tmp_path) as cloud:
        make_role(cloud)
        cloud("s3").create_bucket(Bucket="loose")
        cloud("s3").put_object(Bucket="loose", Key="k", Body=b"v")
        cloud("secretsmanager").create_secret(Name="token", SecretString="s3cret")
        cloud("dynamodb").create_table(
            TableName="loose",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        cloud("dynamodb").put_item(TableName="loose", Item={"id": {"S": "x"}})
        target = {"Arn": cloud.create_queue("target")[1], "RoleArn": ROLE_ARN, "Input": "{}"}
        for name, expression in (("weekly", "rate(7 days)"), ("past", "at(2020-01-01T00:00:00)")):
            cloud("scheduler").create_schedule(
                Name=name,
                ScheduleExpression=expression,
                FlexibleTimeWindow={"Mode": "OFF"},
                Target=target,
            )
        eventually(lambda: cloud.queue_length(cloud.create_queue("target")[0]) == 2)

    with serving(tmp_path) as cloud:
        url, _ = cloud.create_queue("target")
        assert cloud("s3").get_object(Bucket="loose", Key="k")["Body"].read() == b"v"
        value = cloud("secretsmanager").get_secret_value(SecretId="token")
        assert value["SecretString"] == "s3cret"
        assert cloud("dynamodb").scan(TableName="loose")["Count"] == 1
        schedules = cloud("scheduler").list_schedules()["Schedules"]
        assert [schedule["Name"] for schedule in schedules] == ["weekly"]
        # Neither a rate schedule nor a past one fires for having been made again.
        cloud("sqs").send_message(QueueUrl=url, MessageBody='"marker"')
        assert cloud.receive(url)["Body"] == "marker"


def test_models_and_what_was_decided_of_their_packages_come_back(tmp_path: Path) -> None:
    with serving(tmp_path) as cloud:
        make_role(cloud)
        cloud("s3").create_bucket(Bucket="loose")
        cloud("s3").put_object(Bucket="loose", Key="k", Body=b"v")
        sagemaker = cloud("sagemaker")
        sagemaker.create_model_package_group(ModelPackageGroupName="students")
        for version in ("one", "deleted", "three"):
            sagemaker.create_model_package(
                ModelPackageGroupName="students",
                ModelPackageDescription=version,
                ModelApprovalStatus="Approved",
            )
        deleted = packages_of(sagemaker)[2]["ModelPackageArn"]
        sagemaker.delete_model_package(ModelPackageName=deleted)
        sagemaker.update_model_package(
            ModelPackageArn=packages_of(sagemaker)[3]["ModelPackageArn"],
            ModelApprovalStatus="Rejected",
            ApprovalDescription="too terse",
        )
        sagemaker.create_model(
            ModelName="student",
            ExecutionRoleArn=ROLE_ARN,
            PrimaryContainer={"Image": "image", "ModelDataUrl": "s3://loose/k"},
            Tags=[{"Key": "run", "Value": "r1"}],
        )

    with serving(tmp_path) as cloud:
        sagemaker = cloud("sagemaker")
        decided = {
            version: (
                package["ModelPackageDescription"],
                package["ModelApprovalStatus"],
                package.get("ApprovalDescription"),
            )
            for version, package in packages_of(sagemaker).items()
        }
        assert decided == {1: ("one", "Approved", None), 3: ("three", "Rejected", "too terse")}
        model = sagemaker.describe_model(ModelName="student")
        assert model["PrimaryContainer"]["ModelDataUrl"] == "s3://loose/k"
        assert sagemaker.list_tags(ResourceArn=model["ModelArn"])["Tags"] == [
            {"Key": "run", "Value": "r1"}
        ]


def packages_of(sagemaker: Any) -> dict[int, Any]:
    """Each version of the group `students`, described."""
    listed = sagemaker.list_model_packages(ModelPackageGroupName="students")
    return {
        package["ModelPackageVersion"]: sagemaker.describe_model_package(
            ModelPackageName=package["ModelPackageArn"]
        )
        for package in listed["ModelPackageSummaryList"]
    }


def test_roles_that_functions_made_come_back_with_tags_and_policies(tmp_path: Path) -> None:
    allowing = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowing]})
    tags = [{"Key": "StratosRun", "Value": "r-1"}]
    with running_cloud(tmp_path) as running:
        cloud, iam, roles = cloud_at(running.settings.endpoint_url), running("iam"), SavedRoles()
        given = iam.create_policy(PolicyName="jobs", PolicyDocument=policy)["Policy"]["Arn"]
        for name, path in (("stratos-r-1-job", "/stratos/"), ("of-a-stack", "/")):
            iam.create_role(RoleName=name, Path=path, AssumeRolePolicyDocument=policy, Tags=tags)
        iam.attach_role_policy(RoleName="stratos-r-1-job", PolicyArn=given)
        records = roles.save(cloud)
        assert [record["request"]["RoleName"] for record in records] == ["stratos-r-1-job"]
        iam.detach_role_policy(RoleName="stratos-r-1-job", PolicyArn=given)
        iam.delete_role(RoleName="stratos-r-1-job")
        for _ in ("home", "another region"):
            roles.restore(cloud, records)
        role = iam.get_role(RoleName="stratos-r-1-job")["Role"]
        attached = iam.list_attached_role_policies(RoleName="stratos-r-1-job")["AttachedPolicies"]
    assert (role["Path"], role["Tags"]) == ("/stratos/", tags)
    assert role["AssumeRolePolicyDocument"] == json.loads(policy)
    assert [one["PolicyArn"] for one in attached] == [given]
