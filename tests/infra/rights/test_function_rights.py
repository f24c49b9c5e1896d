"""What functions may do."""

from __future__ import annotations

import json

import pytest

from stratos.hosting.ownership import RUN_TAG, STACK_TAG
from tests.infra.policies import actions, listed, statements


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


def test_the_sweeper_deletes_only_what_carries_the_tags_of_a_run(template):
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
    # Neither schedules nor alarms carry tags; both are bound by name, and roles by their path.
    untagged = {a for s in deleting if "Condition" not in s for a in listed(s["Action"])}
    assert untagged == {
        "scheduler:DeleteSchedule",
        "scheduler:GetSchedule",
        "cloudwatch:DeleteAlarms",
        "cloudwatch:DescribeAlarms",
        "iam:DeleteRole",
        "iam:DetachRolePolicy",
        "iam:ListAttachedRolePolicies",
    }
    held = {
        "Null": {f"aws:ResourceTag/{RUN_TAG}": "false"},
        "StringEqualsIfExists": {f"aws:ResourceTag/{STACK_TAG}": "Stratos"},
    }
    assert all(s["Condition"] == held for s in tagged)


def test_the_sweeper_calls_clean_up_and_no_other_function(template, module_of):
    invoked = [
        resource
        for s in statements(template, "FunctionsSweepRole")
        if "lambda:InvokeFunction" in listed(s["Action"])
        for resource in listed(s["Resource"])
    ]
    (clean_up,) = (arn["Fn::GetAtt"][0] for arn in invoked)
    assert module_of[f"<{clean_up}.Arn>"] == "clean_up"
