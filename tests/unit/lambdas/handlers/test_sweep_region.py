"""Jobs are stopped for which nobody waits."""

from __future__ import annotations

import boto3

from stratos.pipeline.worker_jobs import WorkerJob
from tests.unit.lambdas.swept_region import swept
from tests.unit.lambdas.two_regions import TwoRegions


def test_a_job_whose_run_is_over_at_home_is_stopped(
    regions: TwoRegions, looked_after: WorkerJob
) -> None:
    home = boto3.client("stepfunctions", region_name="us-east-1")
    home.stop_execution(executionArn=looked_after.run.execution_arn)
    assert swept(dry_run=True) == {looked_after.job.name: "run tiles-0123abcd is over at home"}
    assert regions.status(looked_after) == "InProgress"
    swept()
    assert regions.status(looked_after) == "Stopping"
