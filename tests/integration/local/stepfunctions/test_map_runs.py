"""Distributed Maps, as far as the embedded cloud runs them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from judged_cloud import ACCOUNT, allow, judged_cloud, make_role
from moto_cloud import Cloud
from state_machines import PASS, invoke

from infra.local.lambda_.function_processes import FunctionProcesses
from infra.local.stepfunctions.executions import StepFunctions
from tests.patience import eventually

ITEMS = [{"n": number} for number in range(5)]
ECHO = """
import time

def handler(event, context):
    time.sleep(event.get("sleep_seconds", 0))
    return {"echo": event}
"""


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with judged_cloud(
        tmp_path_factory.mktemp("cloud"), StepFunctions(), FunctionProcesses()
    ) as running:
        running("s3").create_bucket(Bucket="items")
        running("s3").put_object(Bucket="items", Key="items.json", Body=json.dumps(ITEMS).encode())
        running.create_function("work", ECHO, Role=make_role(running, "work", "lambda"))
        yield running


def each(first: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A Distributed Map whose items begin with a state."""
    return {
        "Type": "Map",
        "Label": "Each",
        "MaxConcurrencyPath": "$.at_once",
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "JSON"},
            "Parameters": {"Bucket.$": "$.bucket", "Key": "items.json"},
        },
        "ItemSelector": {"item.$": "$$.Map.Item.Value", "shared.$": "$.shared"},
        "ToleratedFailurePercentage": 100,
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "First",
            "States": {"First": first} | more,
        },
        "End": True,
    }


INPUT = {"bucket": "items", "at_once": 2, "shared": {"of": "all"}}


def machine_of(cloud: Cloud, name: str, state: dict[str, Any], *rights: Any) -> str:
    role = make_role(cloud, name, "states", *rights)
    definition = json.dumps({"StartAt": "Each", "States": {"Each": state}})
    machine = cloud("stepfunctions").create_state_machine(
        name=name, definition=definition, roleArn=role
    )
    return str(machine["stateMachineArn"])


def rights_of(name: str) -> list[Any]:
    states = f"arn:aws:states:us-east-1:{ACCOUNT}"
    children = f"{states}:execution:{name}/*:*"
    return [
        allow("s3:GetObject", "arn:aws:s3:::items/items.json"),
        allow("states:StartExecution", f"{states}:stateMachine:{name}"),
        allow("states:DescribeExecution", children),
        allow("states:StopExecution", children),
        allow("lambda:InvokeFunction", "*"),
    ]


def test_items_come_in_order_with_what_is_selected_for_them(judged: Cloud) -> None:
    arn = machine_of(judged, "ordered", each(PASS), *rights_of("ordered"))
    done = judged.execute(arn, INPUT)
    assert json.loads(done["output"]) == [{"item": item, "shared": {"of": "all"}} for item in ITEMS]
    (run,) = judged("stepfunctions").list_map_runs(executionArn=done["executionArn"])["mapRuns"]
    described = judged("stepfunctions").describe_map_run(mapRunArn=run["mapRunArn"])
    assert (described["status"], described["maxConcurrency"]) == ("SUCCEEDED", 2)
    assert described["itemCounts"]["succeeded"] == 5


def test_an_item_that_catches_its_error_is_an_item_that_ended_well(judged: Cloud) -> None:
    caught = {"ErrorEquals": ["States.ALL"], "ResultPath": "$.failure", "Next": "Told"}
    told = {"Type": "Pass", "Parameters": {"failed.$": "$.failure.Error"}, "End": True}
    failing = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": "nothing-of-that-name"},
        "Catch": [caught],
        "End": True,
    }
    arn = machine_of(judged, "caught", each(failing, Told=told), *rights_of("caught"))
    done = judged.execute(arn, INPUT)
    assert done["status"] == "SUCCEEDED"
    assert {one["failed"] for one in json.loads(done["output"])} == {
        "Lambda.ResourceNotFoundException"
    }


@pytest.mark.parametrize(
    ("missing", "action"), [(0, "GetObject"), (1, "StartExecution"), (3, "StopExecution")]
)
def test_a_map_without_a_right_is_refused(judged: Cloud, missing: int, action: str) -> None:
    name = f"lacks-{action.lower()}"
    rights = [one for place, one in enumerate(rights_of(name)) if place != missing]
    failed = judged.execute(machine_of(judged, name, each(PASS), *rights), INPUT)
    assert failed["status"] == "FAILED"
    history = judged("stepfunctions").get_execution_history(executionArn=failed["executionArn"])
    assert f"{action} on resource" in json.dumps(history["events"], default=str)


def test_a_stopped_execution_ends_its_map_run_and_starts_no_item_more(judged: Cloud) -> None:
    slow = invoke({"sleep_seconds": 600})
    arn = machine_of(judged, "stopped", each(slow), *rights_of("stopped"))
    states = judged("stepfunctions")
    execution = states.start_execution(stateMachineArn=arn, input=json.dumps(INPUT))["executionArn"]

    def run() -> dict[str, Any]:
        found = states.list_map_runs(executionArn=execution)["mapRuns"]
        return states.describe_map_run(mapRunArn=found[0]["mapRunArn"]) if found else {}

    eventually(lambda: run().get("itemCounts", {}).get("running") == 2)
    states.stop_execution(executionArn=execution)
    assert states.describe_execution(executionArn=execution)["status"] == "ABORTED"
    eventually(lambda: run()["status"] == "ABORTED")
