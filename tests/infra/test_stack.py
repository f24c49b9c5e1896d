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


def test_the_machine_logs_without_data_traces_and_ends_in_days(template, definition):
    machine = only(template, "AWS::StepFunctions::StateMachine")["Properties"]
    assert machine["LoggingConfiguration"]["Level"] == "ALL"
    assert machine["LoggingConfiguration"]["IncludeExecutionData"] is False
    assert machine["TracingConfiguration"] == {"Enabled": True}
    assert definition["TimeoutSeconds"] == 10 * 24 * 3600


def test_outputs_are_the_ones_the_tools_look_for(template):
    assert {"Bucket", "RunsTable", "StateMachineArn", "TopicArn", "ScheduleGroup"} <= set(
        template["Outputs"]
    )
