"""Nobody may do more than their part needs, whatever the role."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from stratos.hosting.ownership import RUN_TAG, STACK_TAG
from tests.infra.policies import actions, listed, resolved, statements
from tests.infra.resources import of_type

TAKES_NO_RESOURCE = {
    "cloudwatch:DescribeAlarms",  # of all there are
    "cloudwatch:PutMetricData",
    "ec2:DeleteNetworkInterfacePermission",
    "ec2:DescribeDhcpOptions",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
    "ecr:GetAuthorizationToken",
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "iam:ListRoles",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
    "sagemaker:ListEndpointConfigs",
    "sagemaker:ListInferenceComponents",
    "sagemaker:ListEndpoints",
    "sagemaker:ListModelPackages",
    "sagemaker:ListModels",
    "sagemaker:ListTrainingJobs",
    "sagemaker:ListTransformJobs",
    "scheduler:ListSchedules",
    "servicequotas:ListServiceQuotas",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}
"""https://docs.aws.amazon.com/service-authorization/latest/reference/"""


def test_no_action_is_a_wildcard_except_data_key_variants(any_template):
    wild = {action for action in actions(any_template) if "*" in action}
    assert wild <= {"kms:GenerateDataKey*", "kms:ReEncrypt*"}


def test_every_resource_is_named_where_aws_lets_it_be(any_template):
    for statement in statements(any_template):
        if "*" in listed(statement["Resource"]):
            assert set(listed(statement["Action"])) <= TAKES_NO_RESOURCE


def test_nothing_may_delete_an_object_or_a_row(template):
    forbidden = {a for a in actions(template) if a.startswith(("s3:Delete", "dynamodb:Delete"))}
    assert forbidden == set()


def test_a_role_is_passed_to_one_service_only(template):
    passed = [s for s in statements(template) if "iam:PassRole" in listed(s["Action"])]
    assert len(passed) >= 2
    for statement in passed:
        assert listed(statement["Action"]) == ["iam:PassRole"]
        service = statement["Condition"]["StringEquals"]["iam:PassedToService"]
        assert service in (
            "bedrock.amazonaws.com",
            "sagemaker.amazonaws.com",
            "scheduler.amazonaws.com",
        )
        for arn in listed(statement["Resource"]):
            assert "Fn::GetAtt" in arn or ":role/stratos/" in resolved(arn)


def test_what_is_made_in_sagemaker_must_carry_the_tags_of_a_run(template, states):
    creating = {
        "sagemaker:CreateTrainingJob",
        "sagemaker:CreateModel",
        "sagemaker:CreateEndpointConfig",
        "sagemaker:CreateEndpoint",
        "sagemaker:CreateInferenceComponent",
    }
    seen = set()
    for statement in statements(template):
        if created := creating & set(listed(statement["Action"])):
            assert statement["Condition"] == _of_a_run("aws:RequestTag")
            seen |= created
    assert seen == creating
    tags = [json.dumps(states[job]["Parameters"]["Tags"]) for job in ("Probe", "Distill")]
    assert all(RUN_TAG in tag and STACK_TAG in tag for tag in tags)


def test_jobs_are_stopped_and_models_deleted_only_where_they_carry_the_tags_of_a_run(any_template):
    guarded = {
        "sagemaker:StopTrainingJob",
        "sagemaker:DeleteModel",
        "sagemaker:DeleteEndpointConfig",
        "sagemaker:DeleteInferenceComponent",
    }
    for statement in statements(any_template):
        if guarded & set(listed(statement["Action"])):
            assert statement["Condition"] == _of_a_run("aws:ResourceTag")


def _of_a_run(tags):
    return {
        "Null": {f"{tags}/{RUN_TAG}": "false"},
        "StringEqualsIfExists": {f"{tags}/{STACK_TAG}": "Stratos"},
    }


def test_who_scales_an_endpoint_may_use_the_alarms_that_its_scaling_is_made_of(template):
    scaling = {
        "application-autoscaling:PutScalingPolicy": "cloudwatch:PutMetricAlarm",
        "application-autoscaling:DeregisterScalableTarget": "cloudwatch:DeleteAlarms",
    }
    roles = {
        resource["Properties"]["Roles"][0]["Ref"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::IAM::Policy"
    }
    scalers = {action: set() for action in scaling}
    for role in roles:
        on_alarms = {
            action
            for s in statements(template, role)
            if all(
                f":alarm:TargetTracking-{kind}/stratos-*" in json.dumps(s["Resource"])
                for kind in ("endpoint", "inference-component")
            )
            for action in listed(s["Action"])
        }
        for action in scaling.keys() & actions(template, role):
            assert {scaling[action], "cloudwatch:DescribeAlarms"} <= on_alarms, role
            scalers[action].add(role.rstrip("0123456789ABCDEF"))
    assert scalers == {
        "application-autoscaling:PutScalingPolicy": {
            "FunctionsCleanUpRole",
            "FunctionsPromoteRole",
        },
        "application-autoscaling:DeregisterScalableTarget": {
            "FunctionsCleanUpRole",
            "FunctionsPromoteRole",
            "FunctionsSweepRole",
            "FunctionsTakeTurnRole",
            "SchedulesRole",
            "WorkflowRole",
        },
    }


def test_an_endpoint_is_deleted_by_what_ends_it_or_finds_that_it_has_failed(template):
    may = {
        resource["Properties"]["Roles"][0]["Ref"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::IAM::Policy"
        for statement in resource["Properties"]["PolicyDocument"]["Statement"]
        if "sagemaker:DeleteEndpoint" in listed(statement["Action"])
    }
    assert {role.rstrip("0123456789ABCDEF") for role in may} == {
        "FunctionsCleanUpRole",
        "FunctionsMeasureEndpointRole",
        "FunctionsTakeTurnRole",
        "FunctionsSweepRole",
        "SchedulesRole",
    }


def test_a_role_is_assumed_for_one_source_of_this_account_by_services_that_name_theirs(template):
    services = set()
    for role in of_type(template, "AWS::IAM::Role").values():
        (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
        service = trust["Principal"]["Service"].removesuffix(".amazonaws.com")
        services.add(service)
        if service == "lambda":
            assert "Condition" not in trust
            continue
        account = {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
        assert trust["Condition"].keys() == {"StringEquals", "ArnLike"}
        assert trust["Condition"]["StringEquals"] == account
        source = json.dumps(trust["Condition"]["ArnLike"]["aws:SourceArn"])
        assert f":{service}:" in source
        assert "AWS::AccountId" in source
    assert services == {"bedrock", "events", "lambda", "sagemaker", "scheduler", "states"}


def test_a_service_is_let_at_a_resource_for_this_account_or_one_source_alone(any_template):
    documents = [
        properties[field]["Statement"]
        for type_, field in (
            ("AWS::KMS::Key", "KeyPolicy"),
            ("AWS::SNS::TopicPolicy", "PolicyDocument"),
            ("AWS::SQS::QueuePolicy", "PolicyDocument"),
            ("AWS::S3::BucketPolicy", "PolicyDocument"),
        )
        for properties in of_type(any_template, type_).values()
    ]
    named = [s for d in documents for s in d if "Service" in json.dumps(s["Principal"])]
    assert len(named) >= 4
    for statement in named:
        held = json.dumps(statement["Condition"])
        sources = ("aws:SourceAccount", "aws:SourceArn", "kms:EncryptionContext:aws:logs:arn")
        assert any(source in held for source in sources)
    for permission in of_type(any_template, "AWS::Lambda::Permission").values():
        assert "SourceArn" in permission


def _joined(value: Any) -> Iterator[list[Any]]:
    """The parts of every `Fn::Join` in a piece of a template."""
    if isinstance(value, dict):
        if "Fn::Join" in value and value["Fn::Join"][0] == "":
            yield value["Fn::Join"][1]
        for inner in value.values():
            yield from _joined(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _joined(inner)


def _arns_in_arns(resources: dict[str, Any]) -> list[str]:
    """What is put into an ARN by `Ref`, and is an ARN itself: of some types `Ref` is the name."""
    found = []
    for parts in _joined(resources):
        refs = [part["Ref"] for part in parts if isinstance(part, dict) and "Ref" in part]
        for name in refs if str(parts[0]).startswith("arn:") else ():
            if name in resources:
                type_ = resources[name]["Type"]
                schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", type_).schema
                found += [name] if schema["primaryIdentifier"][0].endswith("Arn") else []
    return found


def _granting(type_: str) -> dict[str, Any]:
    resource = {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":x:", {"Ref": "Named"}]]}
    policy = {"PolicyDocument": {"Statement": [{"Resource": resource}]}}
    return {"Named": {"Type": type_}, "Policy": {"Type": "AWS::IAM::Policy", "Properties": policy}}


def test_no_arn_is_built_around_what_is_one_already(any_template):
    assert _arns_in_arns(_granting("AWS::Scheduler::ScheduleGroup")) == []
    assert _arns_in_arns(_granting("AWS::SageMaker::ModelPackageGroup")) == ["Named"]
    assert _arns_in_arns(any_template["Resources"]) == []
