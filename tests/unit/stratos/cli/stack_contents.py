"""What a stack holds in the tests of the command line, and the command line itself."""

from __future__ import annotations

from datetime import datetime, timedelta

import boto3
from typer.testing import CliRunner

from stratos.cli import app as cli
from stratos.cli.stack import Stack
from stratos.contracts.run_queue import QUEUE_KEY, Caps, QueuedRun, RunQueue
from tests import factories

STARTED = "2026-11-24T08:00:00+00:00"


def put_run(stack: Stack, run_id: str = "r-1", **attributes: str | list[str]) -> None:
    run = factories.run_ref().model_dump(mode="json")
    item = run | {"run_id": run_id, "status": "succeeded", "spec_name": "r"}
    stack.table.put_item(Item=item | attributes)


def put_queue(stack: Stack, *run_ids: str) -> None:
    """A queue of runs, `SPEC-…`, in a stack that works on two at once, and on one of each spec."""
    at = datetime.fromisoformat(STARTED)
    queue = RunQueue()
    for minute, run_id in enumerate(run_ids):
        moment = at + timedelta(minutes=minute)
        queue = queue.with_run(
            QueuedRun(
                run_id=run_id,
                spec_name=run_id.partition("-")[0],
                arrived_at=moment,
                entered_at=moment,
            )
        )
    queue = queue.with_places_given(Caps(per_stack=2, per_spec=1))
    stack.table.put_item(Item=QUEUE_KEY | {"queue": queue.model_dump_json(), "queue_version": 1})


def begin_execution(stack: Stack) -> str:
    """An execution that is read as any other; returns its ARN."""
    machine = stack.states.create_state_machine(
        name="s",
        definition='{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}',
        roleArn="arn:aws:iam::123456789012:role/states",
    )
    started = stack.states.start_execution(stateMachineArn=machine["stateMachineArn"])
    return str(started["executionArn"])


def put_model(stack: Stack, run_id: str) -> None:
    """A model and its endpoint configuration, both named after a run."""
    stack.sagemaker.create_model(
        ModelName=run_id,
        ExecutionRoleArn="arn:aws:iam::123456789012:role/r",
        PrimaryContainer={"Image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/i:1"},
    )
    variant = {
        "VariantName": "v",
        "ModelName": run_id,
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
    }
    stack.sagemaker.create_endpoint_config(EndpointConfigName=run_id, ProductionVariants=[variant])


def put_endpoint(stack: Stack, name: str, run_id: str) -> None:
    put_model(stack, run_id)
    stack.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=run_id)


def run(*arguments: str) -> tuple[int, str]:
    """Exit code and standard output of the command line."""
    result = CliRunner().invoke(cli.app, list(arguments))
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout


def keys(stack: Stack) -> set[str]:
    listed = stack.s3.list_objects_v2(Bucket=stack.bucket).get("Contents", [])
    return {item["Key"] for item in listed}


def put(stack, key: str, body: bytes = b"of the run") -> None:
    stack.s3.put_object(Bucket=stack.bucket, Key=key, Body=body)


def all_versions(stack) -> list[str]:
    """Keys of every version and delete marker in the bucket."""
    found = stack.s3.list_object_versions(Bucket=stack.bucket)
    return [item["Key"] for kind in ("Versions", "DeleteMarkers") for item in found.get(kind, ())]


def streams() -> set[str]:
    logs = boto3.client("logs")
    groups = logs.describe_log_groups()["logGroups"]
    return {
        stream["logStreamName"]
        for group in groups
        for stream in logs.describe_log_streams(logGroupName=group["logGroupName"])["logStreams"]
    }
