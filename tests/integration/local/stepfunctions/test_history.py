"""Histories of executions, as callers ask for them."""

from __future__ import annotations

import uuid

from moto_cloud import Cloud
from state_machines import PASS

from tests.patience import eventually


def test_a_history_comes_in_pages_and_newest_first_on_request(cloud: Cloud) -> None:
    steps = [f"S{number}" for number in range(60)]
    states = {
        name: {"Type": "Pass", "Next": following}
        for name, following in zip(steps, [*steps[1:], "End"], strict=True)
    }
    definition = {"StartAt": "S0", "States": states | {"End": PASS}}
    machine = cloud.create_state_machine(f"machine-{uuid.uuid4()}", definition)
    client = cloud("stepfunctions")
    arn = client.start_execution(stateMachineArn=machine)["executionArn"]
    eventually(lambda: client.describe_execution(executionArn=arn)["status"] == "SUCCEEDED")
    pages = client.get_paginator("get_execution_history").paginate(executionArn=arn)
    sizes = [len(page["events"]) for page in pages]
    assert sizes == [100, 24]
    newest = client.get_execution_history(executionArn=arn, reverseOrder=True, maxResults=2)
    assert newest["events"][0]["type"] == "ExecutionSucceeded"
    assert newest["events"][1]["stateExitedEventDetails"]["name"] == "End"
    assert newest["nextToken"]
