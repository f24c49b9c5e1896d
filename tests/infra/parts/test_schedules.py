"""What schedules may do."""

from __future__ import annotations

import json

from tests.infra.resources import of_type


def test_schedules_may_rerun_and_expire_and_nothing_else(template):
    role_id, role = next(
        (k, r) for k, r in of_type(template, "AWS::IAM::Role").items() if "SchedulesRole" in k
    )
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert "schedule-group/stratos" in json.dumps(trust["Condition"]["ArnLike"])
    allowed = [
        action
        for policy in of_type(template, "AWS::IAM::Policy").values()
        if {"Ref": role_id} in policy["Roles"]
        for statement in policy["PolicyDocument"]["Statement"]
        for action in (
            statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        )
    ]
    assert set(allowed) == {
        "application-autoscaling:DeregisterScalableTarget",
        "cloudwatch:DeleteAlarms",
        "cloudwatch:DescribeAlarms",
        "lambda:InvokeFunction",
        "sagemaker:DeleteEndpoint",
        "states:StartExecution",
    }
