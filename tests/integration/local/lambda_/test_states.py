"""Functions as state machines call them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from moto_cloud import Cloud


def task(resource: str, parameters: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    state = {"Type": "Task", "Resource": resource, "End": True, **fields}
    if parameters:
        state["Parameters"] = parameters
    return {"StartAt": "Task", "States": {"Task": state, "Caught": {"Type": "Pass", "End": True}}}


@pytest.fixture(scope="module")
def stepping(cloud: Cloud) -> str:
    """ARN of a function that fails with an error of the event's choosing."""
    return cloud.create_function(
        "stepping",
        "import time\n"
        "class NoFeasiblePlan(Exception): pass\n"
        "def handler(event, context):\n"
        "    if event.get('fail'): raise NoFeasiblePlan('none fits')\n"
        "    if event.get('sleep'): time.sleep(60)\n"
        "    return {'got': event}\n",
        Timeout=1,
    )


def test_step_functions_invokes_by_arn_and_through_the_optimized_integration(
    cloud: Cloud, stepping: str
) -> None:
    direct = cloud.create_state_machine("direct", task(stepping))
    integrated = cloud.create_state_machine(
        "integrated",
        task(
            "arn:aws:states:::lambda:invoke",
            {"FunctionName": stepping, "Payload.$": "$"},
            OutputPath="$.Payload",
        ),
    )
    outputs = [json.loads(cloud.execute(arn, {"n": 1})["output"]) for arn in (direct, integrated)]
    assert outputs == [{"got": {"n": 1}}] * 2


@pytest.mark.parametrize(
    ("document", "error"),
    [({"fail": True}, "NoFeasiblePlan"), ({"sleep": True}, "Sandbox.Timedout")],
)
@pytest.mark.parametrize("integrated", [True, False])
def test_step_functions_catches_a_function_error_by_its_name(
    cloud: Cloud, stepping: str, document: dict[str, Any], error: str, integrated: bool
) -> None:
    catch = [{"ErrorEquals": [error], "Next": "Caught"}]
    resource = "arn:aws:states:::lambda:invoke" if integrated else stepping
    parameters = {"FunctionName": stepping, "Payload.$": "$"} if integrated else None
    machine = cloud.create_state_machine(
        f"catching-{error.replace('.', '-')}-{integrated}", task(resource, parameters, Catch=catch)
    )
    execution = cloud.execute(machine, document)
    assert execution["status"] == "SUCCEEDED"
    caught = json.loads(execution["output"])
    assert caught["Error"] == error
    assert json.loads(caught["Cause"])["errorType"] == error


def test_a_states_own_timeout_is_states_timeout(cloud: Cloud) -> None:
    arn = cloud.create_function(
        "lingering", "import time\ndef handler(event, context):\n    time.sleep(2)\n"
    )
    catch = [{"ErrorEquals": ["States.Timeout"], "Next": "Caught"}]
    machine = cloud.create_state_machine("impatient", task(arn, TimeoutSeconds=1, Catch=catch))
    execution = cloud.execute(machine, {})
    assert json.loads(execution["output"])["Error"] == "States.Timeout"
