"""A worker region with a running job that somebody looks after, and its sweeper."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError

from lambdas.handlers import sweep_region
from stratos.hosting.ownership import HOME_TAG, RUN_TAG, STACK_TAG
from stratos.pipeline.worker_jobs import WorkerJob
from tests.unit.lambdas.pipeline import call
from tests.unit.lambdas.two_regions import AWAY, TwoRegions, worker_job, worker_machine

SILENT = EndpointConnectionError(endpoint_url="https://states.us-east-1.amazonaws.com")


@pytest.fixture
def looked_after(regions: TwoRegions, monkeypatch: pytest.MonkeyPatch) -> WorkerJob:
    """A running job of this stack, with its execution in the region and its run's at home."""
    states = boto3.client("stepfunctions", region_name=AWAY)
    machine = worker_machine(monkeypatch)
    made = worker_job()
    run = made.run.model_copy(update={"execution_arn": regions.account.execution_arn})
    made = made.model_copy(update={"run": run})
    states.start_execution(
        stateMachineArn=machine, name=made.job.name, input=made.model_dump_json()
    )
    regions.create_job(made)
    tag(made, {STACK_TAG: "Stratos", RUN_TAG: run.run_id, HOME_TAG: "us-east-1"})
    return made


def tag(worker: WorkerJob, tags: dict[str, str]) -> None:
    sagemaker = boto3.client("sagemaker", region_name=AWAY)
    arn = sagemaker.describe_training_job(TrainingJobName=worker.job.name)["TrainingJobArn"]
    pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
    sagemaker.add_tags(ResourceArn=arn, Tags=pairs)


def swept(**given: Any) -> dict[str, str]:
    """Job → why it was stopped."""
    found = call(sweep_region.handler, **given)
    return {orphan["name"]: orphan["reason"] for orphan in found["removed"]}
