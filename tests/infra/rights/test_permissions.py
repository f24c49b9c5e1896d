"""Nobody may do more than their part needs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from infra.parts.functions import HANDLERS
from lambdas.aws.settings import Settings
from stratos.catalog.images import images
from stratos.hosting.ownership import RUN_TAG

TAKES_NO_RESOURCE = {
    "cloudwatch:DescribeAlarms",  # of all there are
    "cloudwatch:PutMetricData",
    "ecr:GetAuthorizationToken",
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
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
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}
"""https://docs.aws.amazon.com/service-authorization/latest/reference/"""


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def statements(template: dict[str, Any], role: str = "") -> Iterator[dict[str, Any]]:
    """Statements of every policy whose role's logical id contains `role`."""
    for resource in template["Resources"].values():
        if resource["Type"] != "AWS::IAM::Policy":
            continue
        roles = [item["Ref"] for item in resource["Properties"]["Roles"]]
        if any(role in name for name in roles):
            yield from resource["Properties"]["PolicyDocument"]["Statement"]


def actions(template: dict[str, Any], role: str = "") -> set[str]:
    return {action for item in statements(template, role) for action in listed(item["Action"])}


def test_no_action_is_a_wildcard_except_data_key_variants(template):
    wild = {action for action in actions(template) if "*" in action}
    assert wild <= {"kms:GenerateDataKey*", "kms:ReEncrypt*"}


def test_every_resource_is_named_where_aws_lets_it_be(template):
    for statement in statements(template):
        if "*" in listed(statement["Resource"]):
            assert set(listed(statement["Action"])) <= TAKES_NO_RESOURCE


def test_nothing_may_delete_an_object_or_a_row(template):
    forbidden = {a for a in actions(template) if a.startswith(("s3:Delete", "dynamodb:Delete"))}
    assert forbidden == set()


@pytest.mark.parametrize("role", ["TrainingJobsRole", "EndpointsRole", "BatchesRole"])
def test_containers_reach_neither_the_table_nor_the_control_plane(template, role):
    # A job hands its batch role to Bedrock, and nothing else to anyone.
    reached = {a.split(":")[0] for a in actions(template, role) - {"iam:PassRole"}}
    assert reached <= {"bedrock", "cloudwatch", "ecr", "kms", "logs", "s3", "secretsmanager"}


def test_a_model_in_service_cannot_write(template):
    assert "s3:PutObject" not in actions(template, "EndpointsRole")


def test_a_model_behind_a_queue_writes_its_answers_and_nothing_else(template):
    writes = [s for s in statements(template, "QueueRole") if "s3:PutObject" in listed(s["Action"])]
    (statement,) = writes
    keys = [arn["Fn::Join"][1][-1] for arn in listed(statement["Resource"])]
    assert keys == ["/async/*/answers/*", "/async/*/failures/*"]
    assert "secretsmanager:GetSecretValue" not in actions(template, "EndpointsRole")


def test_a_model_that_is_asked_in_batches_writes_answers_and_nothing_else(template):
    writes = [s for s in statements(template, "BatchesRole") if "s3:PutObject" in s["Action"]]
    (statement,) = writes
    (arn,) = listed(statement["Resource"])
    assert arn["Fn::Join"][1][-1] == "/runs/*/batches/*/answers/*"


@pytest.mark.parametrize(
    "role", ["CheckQuality", "TakeTurn", "MeasureEndpoint", "MeasureBatch", "PlanCandidates"]
)
def test_who_deploys_a_model_may_read_the_servers_of_the_bucket(template, role):
    reads = [
        json.dumps(statement["Resource"])
        for statement in statements(template, f"Functions{role}Role")
        if "s3:GetObject" in listed(statement["Action"])
    ]
    assert any("/catalog/*" in resource for resource in reads)


@pytest.mark.parametrize("role", ["MeasureBatch", "Report", "CleanUp"])
def test_who_tells_what_a_batch_cost_may_look_at_its_job(template, role):
    assert "sagemaker:DescribeTransformJob" in actions(template, f"Functions{role}Role")


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
        assert all("Fn::GetAtt" in arn for arn in listed(statement["Resource"]))


def test_a_job_may_run_a_bedrock_batch_under_a_role_that_reads_and_writes_runs_alone(template):
    (passing,) = (
        s for s in statements(template, "TrainingJobsRole") if s["Action"] == "iam:PassRole"
    )
    batch_role = passing["Resource"]["Fn::GetAtt"][0]
    assert passing["Condition"]["StringEquals"]["iam:PassedToService"] == "bedrock.amazonaws.com"
    assert {
        "bedrock:CreateModelInvocationJob",
        "bedrock:GetModelInvocationJob",
        "bedrock:StopModelInvocationJob",
    } <= actions(template, "TrainingJobsRole")
    trusted = template["Resources"][batch_role]["Properties"]["AssumeRolePolicyDocument"]
    (trust,) = trusted["Statement"]
    assert trust["Principal"] == {"Service": "bedrock.amazonaws.com"}
    assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    reached = {action.split(":")[0] for action in actions(template, batch_role)}
    assert reached == {"bedrock", "kms", "s3"}
    for statement in statements(template, batch_role):
        if "s3:PutObject" in listed(statement["Action"]):
            assert json.dumps(statement["Resource"]).count("/runs/*") == 1
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Lambda::Function":
            told = resource["Properties"]["Environment"]["Variables"]["BEDROCK_ROLE_ARN"]
            assert told == {"Fn::GetAtt": [batch_role, "Arn"]}


def test_what_is_made_in_sagemaker_must_carry_the_run_tag(template, states):
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
            assert statement["Condition"] == {"Null": {f"aws:RequestTag/{RUN_TAG}": "false"}}
            seen |= created
    assert seen == creating
    tags = [json.dumps(states[job]["Parameters"]["Tags"]) for job in ("Probe", "Distill")]
    assert all(RUN_TAG in tag for tag in tags)


def test_jobs_are_stopped_and_models_deleted_only_where_they_carry_the_run_tag(template):
    guarded = {
        "sagemaker:StopTrainingJob",
        "sagemaker:DeleteModel",
        "sagemaker:DeleteEndpointConfig",
        "sagemaker:DeleteInferenceComponent",
    }
    for statement in statements(template):
        if guarded & set(listed(statement["Action"])):
            assert statement["Condition"] == {"Null": {f"aws:ResourceTag/{RUN_TAG}": "false"}}


def test_the_state_machine_may_look_at_the_tags_of_all_that_it_tags(template):
    role = list(statements(template, "WorkflowRole"))
    (listing,) = (s for s in role if "sagemaker:ListTags" in listed(s["Action"]))
    tagged = {
        json.dumps(arn)
        for s in role
        if "sagemaker:AddTags" in listed(s["Action"])
        for arn in listed(s["Resource"])
    }
    assert {json.dumps(arn) for arn in listed(listing["Resource"])} == tagged


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
            "SchedulesRole",
            "WorkflowRole",
        },
    }


def test_the_sweeper_deletes_only_what_carries_the_run_tag(template):
    deleting = [
        statement
        for statement in statements(template, "FunctionsSweepRole")
        if any("Delete" in a or "Stop" in a for a in listed(statement["Action"]))
    ]
    tagged = [s for s in deleting if "Condition" in s]
    assert {a for s in tagged for a in listed(s["Action"])} == {
        "sagemaker:DeleteEndpoint",
        "sagemaker:DeleteEndpointConfig",
        "sagemaker:DeleteInferenceComponent",
        "sagemaker:DeleteModel",
        "sagemaker:StopTrainingJob",
        "sagemaker:StopTransformJob",
    }
    # Neither schedules nor alarms carry tags; both are bound by name.
    untagged = {a for s in deleting if "Condition" not in s for a in listed(s["Action"])}
    assert untagged == {
        "scheduler:DeleteSchedule",
        "scheduler:GetSchedule",
        "cloudwatch:DeleteAlarms",
        "cloudwatch:DescribeAlarms",
    }
    assert all(s["Condition"] == {"Null": {f"aws:ResourceTag/{RUN_TAG}": "false"}} for s in tagged)


def test_only_clean_up_the_sweeper_and_the_schedules_may_delete_an_endpoint(template):
    may = {
        resource["Properties"]["Roles"][0]["Ref"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::IAM::Policy"
        for statement in resource["Properties"]["PolicyDocument"]["Statement"]
        if "sagemaker:DeleteEndpoint" in listed(statement["Action"])
    }
    assert {role.rstrip("0123456789ABCDEF") for role in may} == {
        "FunctionsCleanUpRole",
        "FunctionsSweepRole",
        "SchedulesRole",
    }


def test_the_state_machine_calls_exactly_the_functions_of_its_states(template, module_of):
    (invoke,) = (
        s
        for s in statements(template, "WorkflowRole")
        if listed(s["Action"]) == ["lambda:InvokeFunction"]
    )
    called = {f"<{arn['Fn::GetAtt'][0]}.Arn>" for arn in listed(invoke["Resource"])}
    assert called == {item for item, module in module_of.items() if module != "sweep"}


def test_the_sweeper_calls_clean_up_and_no_other_function(template, module_of):
    invoked = [
        resource
        for s in statements(template, "FunctionsSweepRole")
        if "lambda:InvokeFunction" in listed(s["Action"])
        for resource in listed(s["Resource"])
    ]
    (clean_up,) = (arn["Fn::GetAtt"][0] for arn in invoked)
    assert module_of[f"<{clean_up}.Arn>"] == "clean_up"


def test_containers_may_pull_every_image_the_catalog_names(template):
    allowed = {
        "TrainingJobsRole": {"training"},
        "EndpointsRole": {"inference", "llm"},
        "EndpointsQueueRole": {"inference", "llm"},
    }
    for role, kinds in allowed.items():
        text = json.dumps(
            [s for s in statements(template, role) if "ecr:BatchGetImage" in listed(s["Action"])]
        )
        for image in images().images:
            if image.kind in kinds:
                assert f'repository/{image.image.partition(":")[0]}"' in text


def test_every_function_is_told_what_its_settings_read(template):
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Lambda::Function":
            given = resource["Properties"]["Environment"]["Variables"]
            needed = {name.upper() for name in Settings.model_fields} - {"AWS_REGION"}
            assert needed <= set(given)
            assert all(given[name] for name in needed)


def test_every_handler_has_its_function_with_logs_kept_for_a_while(template):
    functions = {
        r["Properties"]["FunctionName"]: r["Properties"]
        for r in template["Resources"].values()
        if r["Type"] == "AWS::Lambda::Function"
    }
    groups = {
        r["Properties"]["LogGroupName"]: r["Properties"]
        for r in template["Resources"].values()
        if r["Type"] == "AWS::Logs::LogGroup"
    }
    assert set(functions) == {item.name for item in HANDLERS}
    for handler in HANDLERS:
        assert functions[handler.name]["Handler"] == f"lambdas.handlers.{handler.module}.handler"
        assert functions[handler.name]["TracingConfig"] == {"Mode": "Active"}
        group = groups[f"/aws/lambda/{handler.name}"]
        assert group["RetentionInDays"] == 90
        assert "KmsKeyId" in group
