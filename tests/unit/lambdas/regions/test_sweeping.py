"""Jobs that nobody looks after, found from either side."""

from __future__ import annotations

import boto3
import pytest
from botocore.exceptions import ClientError

from lambdas.aws import executions, worker_settings
from lambdas.handlers import sweep_region
from lambdas.regions import sweeping
from stratos.errors import SweepIncomplete
from stratos.hosting.ownership import HOME_TAG, RUN_TAG, STACK_TAG
from stratos.pipeline.worker_jobs import WorkerJob
from tests.unit.lambdas.pipeline import call
from tests.unit.lambdas.swept_region import SILENT, swept, tag
from tests.unit.lambdas.two_regions import AWAY, TwoRegions, worker_job


def test_a_job_that_is_looked_after_and_waited_for_goes_on(
    regions: TwoRegions, looked_after: WorkerJob
) -> None:
    assert swept() == {}
    assert regions.status(looked_after) == "InProgress"


def test_a_job_whose_execution_is_over_is_stopped(
    regions: TwoRegions, looked_after: WorkerJob
) -> None:
    states = boto3.client("stepfunctions", region_name=AWAY)
    [execution] = states.list_executions(
        stateMachineArn=worker_settings.worker_settings().state_machine_arn
    )["executions"]
    states.stop_execution(executionArn=execution["executionArn"])
    assert swept() == {looked_after.job.name: "the execution that looks after it is over"}
    assert regions.status(looked_after) == "Stopping"


def test_a_job_goes_on_while_home_cannot_be_asked(
    regions: TwoRegions, looked_after: WorkerJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(arn: str, region: str | None = None) -> bool:
        raise SILENT

    monkeypatch.setattr(sweeping.executions, "is_running", silent)
    found = call(sweep_region.handler)
    assert found["removed"] == []
    assert list(found["unreached"]) == ["us-east-1"]
    assert regions.status(looked_after) == "InProgress"


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


def test_a_home_that_refuses_an_answer_about_one_job_lets_the_rest_be_swept(
    regions: TwoRegions, looked_after: WorkerJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = looked_after.model_copy(
        update={"job": looked_after.job.model_copy(update={"name": "stratos-lost"})}
    )
    regions.create_job(lost)
    tag(lost, {STACK_TAG: "Stratos", RUN_TAG: lost.run.run_id, HOME_TAG: "us-east-1"})
    asked = executions.is_running

    def refused(arn: str, region: str | None = None) -> bool:
        if region is None:
            return asked(arn)
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "by a policy"}}, "D")

    monkeypatch.setattr(executions, "is_running", refused)
    with pytest.raises(SweepIncomplete, match=f"{looked_after.job.name}: .*by a policy"):
        swept()
    assert regions.status(looked_after) == "InProgress"
    assert regions.status(lost) == "Stopping"
