"""What every state machine of ours has, at home and in a worker region."""

from __future__ import annotations

from typing import Any

from tests.infra.resources import of_type, only


def test_a_machine_logs_every_state_without_its_data_and_traces(
    any_template: dict[str, Any],
) -> None:
    machine = only(any_template, "AWS::StepFunctions::StateMachine")["Properties"]
    assert machine["LoggingConfiguration"]["Level"] == "ALL"
    assert machine["LoggingConfiguration"]["IncludeExecutionData"] is False
    assert machine["TracingConfiguration"] == {"Enabled": True}


def test_its_log_is_encrypted_and_kept_for_a_time(any_template: dict[str, Any]) -> None:
    machine = only(any_template, "AWS::StepFunctions::StateMachine")["Properties"]
    [name] = [
        group["LogGroupName"]
        for group in of_type(any_template, "AWS::Logs::LogGroup").values()
        if "/states/" in str(group["LogGroupName"])
        and group["RetentionInDays"] > 0
        and "KmsKeyId" in group
    ]
    assert name == f"/aws/vendedlogs/states/{machine['StateMachineName']}"


def test_the_cdk_grants_its_role_nothing_of_its_own(any_template: dict[str, Any]) -> None:
    assert not [name for name in any_template["Resources"] if "DistributedMapPolicy" in name]
