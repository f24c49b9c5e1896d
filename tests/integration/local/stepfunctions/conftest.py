"""A cloud that runs state machines, and one execution in it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from moto_cloud import Cloud, running_cloud

from infra.local.events.deliveries import Deliveries
from infra.local.events.rules import Rules
from infra.local.lambda_.function_processes import FunctionProcesses
from infra.local.sagemaker.scalable_targets import ScalableTargets
from infra.local.stepfunctions.executions import StepFunctions

HANDLER = """
import json, os, time

class OutOfCapacityError(Exception):
    pass

def handler(event, context):
    if event.get("sleep_seconds"):
        time.sleep(event["sleep_seconds"])
    if event.get("attempt", 99) < event.get("fail_until", 0):
        raise OutOfCapacityError(f"attempt {event['attempt']}")
    if event.get("token"):
        import boto3
        states = boto3.client("stepfunctions")
        if event["answer"] == "success":
            states.send_task_success(taskToken=event["token"], output=json.dumps({"n": 7}))
        else:
            states.send_task_failure(taskToken=event["token"], error="Broke", cause="because")
    return {"echo": event}
"""


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    seams = (StepFunctions(), FunctionProcesses(), Rules(), Deliveries(), ScalableTargets())
    with running_cloud(tmp_path_factory.mktemp("cloud"), *seams) as running:
        running.create_function("work", HANDLER)
        yield running


@pytest.fixture
def run(cloud: Cloud) -> Any:
    """Run a definition once and give the output, or the description where it failed."""

    def run_once(states: Mapping[str, Any], document: Any = None, **options: Any) -> Any:
        definition = {"StartAt": next(iter(states)), "States": states} | options
        arn = cloud.create_state_machine(f"machine-{uuid.uuid4()}", definition)
        result = cloud.execute(arn, {} if document is None else document)
        return json.loads(result["output"]) if result["status"] == "SUCCEEDED" else result

    return run_once
