"""What goes for the whole stack: nothing over plain HTTP, and the outputs tools look for."""

from __future__ import annotations

import pytest

from tests.infra.resources import only


@pytest.mark.parametrize(
    "policy", ["AWS::S3::BucketPolicy", "AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy"]
)
def test_plain_http_is_refused(template, policy):
    document = only(template, policy)["Properties"]["PolicyDocument"]
    denied = [s for s in document["Statement"] if s["Effect"] == "Deny"]
    assert any(s["Condition"] == {"Bool": {"aws:SecureTransport": "false"}} for s in denied)


def test_a_run_ends_in_days(definition):
    assert definition["TimeoutSeconds"] == (14 + 10) * 24 * 3600


def test_outputs_are_the_ones_the_tools_look_for(template):
    assert {"Bucket", "RunsTable", "StateMachineArn", "TopicArn", "ScheduleGroup"} <= set(
        template["Outputs"]
    )
