"""Jobs that nobody looks after, found from either side."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError

from lambdas.aws import executions, worker_settings
from lambdas.handlers import sweep_region
from lambdas.regions import sweeping
from stratos.hosting.ownership import HOME_TAG, RUN_TAG, STACK_TAG
from stratos.pipeline.worker_jobs import WorkerJob
from tests.unit.lambdas.pipeline import call
from tests.unit.lambdas.two_regions import AWAY, TwoRegions, worker_job

SILENT = EndpointConnectionError(endpoint_url="https://states.us-east-1.amazonaws.com")


@pytest.fixture
def worker(regions: TwoRegions, monkeypatch: pytest.MonkeyPatch) -> WorkerJob:
    """A running job of this stack, with its execution in the region and its run's at home."""
    states = boto3.client("stepfunctions", region_name=AWAY)
    machine = states.create_state_machine(
        name="stratos-worker",
        definition='{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}',
        roleArn="arn:aws:iam::123456789012:role/states",
    )["stateMachineArn"]
    monkeypatch.setenv("STATE_MACHINE_ARN", machine)
    worker_settings.worker_settings.cache_clear()
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


def test_a_job_that_is_looked_after_and_waited_for_goes_on(
    regions: TwoRegions, worker: WorkerJob
) -> None:
    assert swept() == {}
    assert regions.status(worker) == "InProgress"


def test_a_job_whose_execution_is_over_is_stopped(regions: TwoRegions, worker: WorkerJob) -> None:
    states = boto3.client("stepfunctions", region_name=AWAY)
    [execution] = states.list_executions(
        stateMachineArn=worker_settings.worker_settings().state_machine_arn
    )["executions"]
    states.stop_execution(executionArn=execution["executionArn"])
    assert swept() == {worker.job.name: "the execution that looks after it is over"}
    assert regions.status(worker) == "Stopping"


def test_a_job_goes_on_while_home_cannot_be_asked(
    regions: TwoRegions, worker: WorkerJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(arn: str, region: str | None = None) -> bool:
        raise SILENT

    monkeypatch.setattr(sweeping.executions, "is_running", silent)
    found = call(sweep_region.handler)
    assert found["removed"] == []
    assert list(found["unreached"]) == ["us-east-1"]
    assert regions.status(worker) == "InProgress"


def test_a_job_of_another_stack_is_left_alone(regions: TwoRegions) -> None:
    made = worker_job(name="somebody-elses")
    regions.create_job(made)
    tag(made, {STACK_TAG: "Other", RUN_TAG: "r", HOME_TAG: "us-east-1"})
    assert swept() == {}
    assert executions.running_input("arn:aws:states:eu-west-1:123456789012:execution:m:e") is None


def test_a_job_of_a_stack_that_is_at_home_here_is_left_alone(regions: TwoRegions) -> None:
    made = worker_job(name="at-home-here")
    regions.create_job(made)
    tag(made, {STACK_TAG: "Stratos", RUN_TAG: "r"})
    assert swept() == {}
    assert regions.status(made) == "InProgress"
