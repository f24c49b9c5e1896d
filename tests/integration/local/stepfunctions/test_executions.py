"""The life of an execution: started once, stopped at once, and told of on the bus."""

from __future__ import annotations

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.stepfunctions.parser.backend.execution import Execution
from moto_cloud import Cloud
from state_machines import PASS, history_of, invoke

from infra.local.host.settings import LocalSettings
from infra.local.stepfunctions.executions import StepFunctions
from tests.patience import eventually


def test_a_name_is_taken_once_and_no_name_is_always_new(cloud: Cloud) -> None:
    states = cloud("stepfunctions")
    waiting = {"Type": "Wait", "Seconds": 60, "End": True}
    arn = cloud.create_state_machine("names", {"StartAt": "W", "States": {"W": waiting}})
    first = states.start_execution(stateMachineArn=arn, name="one", input='{"a": 1}')
    again = states.start_execution(stateMachineArn=arn, name="one", input='{"a": 1}')
    assert again["executionArn"] == first["executionArn"]
    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        states.start_execution(stateMachineArn=arn, name="one", input='{"a": 2}')
    states.stop_execution(executionArn=first["executionArn"])
    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        states.start_execution(stateMachineArn=arn, name="one", input='{"a": 1}')
    unnamed = {states.start_execution(stateMachineArn=arn)["executionArn"] for _ in range(3)}
    assert len(unnamed) == 3
    for execution in unnamed:
        states.stop_execution(executionArn=execution)


def test_of_many_starts_at_once_with_one_name_one_runs(cloud: Cloud) -> None:
    arn = cloud.create_state_machine("race", {"StartAt": "A", "States": {"A": PASS}})

    def start(n: int) -> bool:
        try:
            cloud("stepfunctions").start_execution(
                stateMachineArn=arn, name="claimed", input=json.dumps({"n": n})
            )
        except ClientError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(start, range(8))) == 1


def test_too_long_an_input_is_refused(cloud: Cloud) -> None:
    arn = cloud.create_state_machine("long", {"StartAt": "A", "States": {"A": PASS}})
    with pytest.raises(ClientError, match="InvalidExecutionInput"):
        cloud("stepfunctions").start_execution(
            stateMachineArn=arn, input=json.dumps({"x": "y" * 262_144})
        )


@pytest.mark.parametrize(
    "state",
    [
        {"Type": "Wait", "Seconds": 300, "End": True},
        invoke({"sleep_seconds": 15}),
        {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
            "Parameters": {"FunctionName": "work", "Payload": {"t.$": "$$.Task.Token"}},
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Never"}],
            "End": True,
        },
        {
            "Type": "Map",
            "ItemsPath": "$.items",
            "ItemProcessor": {
                "StartAt": "W",
                "States": {"W": {"Type": "Wait", "Seconds": 300, "End": True}},
            },
            "End": True,
        },
    ],
    ids=["wait", "task", "token", "map"],
)
def test_a_stop_interrupts_what_runs_and_nothing_runs_after_it(
    cloud: Cloud, state: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    states = cloud("stepfunctions")
    name = request.node.callspec.id
    never = {"Type": "Task", "End": True} | {
        "Resource": "arn:aws:states:::aws-sdk:s3:createBucket",
        "Parameters": {"Bucket": f"never-{name}"},
    }
    machine = {"StartAt": "Busy", "States": {"Busy": state, "Never": never}}
    machine["States"]["Busy"] = {k: v for k, v in state.items() if k != "End"} | {"Next": "Never"}
    arn = cloud.create_state_machine(f"stop-{name}", machine)
    execution = states.start_execution(stateMachineArn=arn, input='{"items": [1, 2]}')
    execution_arn = execution["executionArn"]
    started = {"TaskStarted", "WaitStateEntered", "MapStateStarted"}
    eventually(lambda: history_of(cloud, execution_arn) & started)
    states.stop_execution(executionArn=execution_arn, error="Cancelled", cause="by hand")
    description = states.describe_execution(executionArn=execution_arn)
    assert description["status"] == "ABORTED"
    assert (description["error"], description["cause"]) == ("Cancelled", "by hand")
    if name in ("wait", "token", "map"):
        eventually(lambda: "ExecutionAborted" in history_of(cloud, execution_arn))
        buckets = {bucket["Name"] for bucket in cloud("s3").list_buckets()["Buckets"]}
        assert f"never-{name}" not in buckets


def test_a_stop_before_the_first_state_prevents_it(cloud: Cloud) -> None:
    states = cloud("stepfunctions")
    create = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:s3:createBucket",
        "Parameters": {"Bucket": "too-late"},
        "End": True,
    }
    wait = {"Type": "Wait", "Seconds": 1, "Next": "Create"}
    machine = {"StartAt": "Wait", "States": {"Wait": wait, "Create": create}}
    arn = cloud.create_state_machine("early", machine)
    executions = [states.start_execution(stateMachineArn=arn)["executionArn"] for _ in range(5)]
    for execution in executions:
        states.stop_execution(executionArn=execution)
    for execution in executions:
        assert states.describe_execution(executionArn=execution)["status"] == "ABORTED"
    for execution in executions:
        eventually(lambda arn=execution: "ExecutionAborted" in history_of(cloud, arn))
    assert "too-late" not in {b["Name"] for b in cloud("s3").list_buckets()["Buckets"]}


def test_every_end_of_an_execution_is_an_event_on_the_default_bus(cloud: Cloud) -> None:
    queue_url, queue_arn = cloud.create_queue("status")
    pattern = {
        "source": ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {"status": ["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"]},
    }
    cloud("events").put_rule(Name="status", EventPattern=json.dumps(pattern))
    cloud("events").put_targets(Rule="status", Targets=[{"Id": "q", "Arn": queue_arn}])
    wait = {"Type": "Wait", "Seconds": 60, "End": True}
    machines = {
        "SUCCEEDED": {"A": PASS | {"Result": "text"}},
        "FAILED": {"A": {"Type": "Fail", "Error": "Refused", "Cause": "c"}},
        "TIMED_OUT": {"A": wait},
        "ABORTED": {"A": wait},
    }
    try:
        for status, machine in machines.items():
            definition: dict[str, Any] = {"StartAt": "A", "States": machine}
            if status == "TIMED_OUT":
                definition["TimeoutSeconds"] = 1
            arn = cloud.create_state_machine(f"ends-{status}", definition)
            execution = cloud("stepfunctions").start_execution(
                stateMachineArn=arn, name="run", input='{"k": 1}'
            )["executionArn"]
            if status == "ABORTED":
                cloud("stepfunctions").stop_execution(executionArn=execution, cause="enough")
            event = cloud.receive(queue_url)["Body"]
            detail = event["detail"]
            assert detail["status"] == status
            assert (detail["executionArn"], detail["stateMachineArn"]) == (execution, arn)
            assert (detail["name"], detail["input"]) == ("run", '{"k": 1}')
            assert detail["stopDate"] >= detail["startDate"]
            assert event["resources"] == [execution]
            description = cloud("stepfunctions").describe_execution(executionArn=execution)
            assert description["status"] == status
            assert detail["output"] == ('"text"' if status == "SUCCEEDED" else None)
            assert detail["error"] == description.get("error")
    finally:
        cloud("events").remove_targets(Rule="status", Ids=["q"])
        cloud("events").delete_rule(Name="status")


def test_the_same_definition_runs_in_many_executions_at_once(cloud: Cloud) -> None:
    definition = {"StartAt": "A", "States": {"A": invoke({"n.$": "$.n"})}}
    arn = cloud.create_state_machine("many", definition)
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda n: cloud.execute(arn, {"n": n}), range(8)))
    outputs = [json.loads(result["output"])["result"]["n"] for result in results]
    assert outputs == list(range(8))


def test_closing_gives_moto_back() -> None:
    seam = StepFunctions()
    before = Execution.stop
    seam.install(LocalSettings(port=1))
    assert Execution.stop is not before
    seam.close()
    assert Execution.stop is before


def test_a_stopped_execution_tells_why(cloud: Cloud) -> None:
    definition = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 60, "End": True}}}
    machine = cloud.create_state_machine(f"machine-{uuid.uuid4()}", definition)
    client = cloud("stepfunctions")
    arn = client.start_execution(stateMachineArn=machine)["executionArn"]
    client.stop_execution(executionArn=arn, error="Enough", cause="by hand")
    described = client.describe_execution(executionArn=arn)
    assert (described["error"], described["cause"]) == ("Enough", "by hand")
