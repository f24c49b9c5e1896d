"""A model that is served in another region, where its first server is too slow.

Its spec names that region and home. A third, in which training would be cheapest, is left alone.
"""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import pytest

from infra.local.host.network import NetworkCall
from stratos.contracts.bucket import RunKeys
from stratos.contracts.measurements import Measurement, Measurements
from stratos.contracts.run import RunRow
from tests.integration.pipeline.cloud import (
    PATIENCE_SECONDS,
    twice_as_fast_on_two_threads,
    write_task,
)
from tests.integration.pipeline.regions import (
    AWAY,
    FAR,
    HOME,
    Regions,
    no_job_runs,
    running_regions,
)
from tests.integration.pipeline.test_slow_server import LIMIT_MS, FirstServerFrozen

pytestmark = [pytest.mark.slow, pytest.mark.regions]

MEASURED_SECONDS = 900
"""That a region may be silent while a server that is frozen is measured."""


@pytest.fixture(scope="module")
def regions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Regions]:
    folder = tmp_path_factory.mktemp("regions")
    with running_regions(folder, AWAY, FAR, heartbeat_seconds=MEASURED_SECONDS) as running:
        yield running


@pytest.fixture(scope="module")
def row(regions: Regions, tmp_path_factory: pytest.TempPathFactory) -> RunRow:
    """The run, with its first server frozen and calls into the third region listened for."""
    cloud = regions.cloud
    twice_as_fast_on_two_threads(cloud)
    regions.train(FAR)
    regions.network.cut_at(
        FAR, NetworkCall(origin=HOME, region=FAR), NetworkCall(origin=AWAY, region=FAR)
    )
    limits = {"max_p95_latency_ms": LIMIT_MS, "max_training_hours": 0.5, "regions": [HOME, AWAY]}
    folder = write_task(
        tmp_path_factory.mktemp("task"),
        "hurried",
        constraints=limits,
        load={"origins": {AWAY: 4}, "measure_seconds": 2},
        preferences={"accuracy": 0, "latency": 0.35, "time": 0, "cost": 0.65},
    )
    run_id = cloud.submit(folder)
    with FirstServerFrozen(cloud, lambda: is_measured(regions, run_id)):
        return cloud.finish(run_id, 2 * PATIENCE_SECONDS)


def is_measured(regions: Regions, run_id: str) -> bool:
    """Whether the first endpoint is under load in its region."""
    states = regions.away("stepfunctions")
    machine = f"arn:aws:states:{AWAY}:123456789012:stateMachine:stratos-worker"
    for execution in states.list_executions(stateMachineArn=machine)["executions"]:
        if execution["name"] == f"stratos-{run_id}-a0":
            history = states.get_execution_history(
                executionArn=execution["executionArn"], reverseOrder=True
            )
            entered = (event.get("stateEnteredEventDetails") for event in history["events"])
            return next((one["name"] for one in entered if one), None) == "MeasureRegion"
    return False


def measured(regions: Regions, row: RunRow) -> tuple[Measurement, ...]:
    held = regions.cloud.read_json(RunKeys(row.run_id).measurements)
    return Measurements.model_validate(held).measured


def test_a_server_that_is_too_slow_makes_way_for_the_next_in_the_same_region(
    regions: Regions, row: RunRow
) -> None:
    assert row.status == "succeeded", regions.cloud.summary(row.run_id).reason
    first, second = measured(regions, row)
    assert "max_p95_latency_ms" in first.missed
    assert second.passed
    assert [one.plan.serving.instance_type for one in (first, second)] == [
        *("ml.local.cpu1", "ml.local.cpu2")
    ]
    assert first.region == second.region == AWAY
    assert row.endpoint_name == f"stratos-{row.run_id}-a0-s1"
    kinds = ("endpoint", "endpoint_config", "model")
    assert regions.made() == {
        HOME: set(),
        AWAY: {f"{kind} {row.endpoint_name}" for kind in kinds},
        FAR: set(),
    }
    trained = [
        job["TrainingJobName"]
        for job in (*regions.cloud.jobs(row.run_id), *regions.jobs(row.run_id))
    ]
    assert len([name for name in trained if "-distill-" in name]) == 1
    no_job_runs(regions)


def test_no_call_leaves_the_regions_that_a_spec_names(regions: Regions, row: RunRow) -> None:
    assert regions.network.cut_off() == []
    assert regions.network.awaits_call()  # none was made, from either of them
    assert row.serving_regions == (AWAY,)
    bucket = regions.cloud.stack.in_region(FAR).bucket
    listed = boto3.client("s3", region_name=FAR).list_objects_v2(Bucket=bucket)
    assert listed.get("Contents", []) == []
    assert regions.made()[FAR] == set()
    sagemaker, logs = (boto3.client(name, region_name=FAR) for name in ("sagemaker", "logs"))
    assert sagemaker.list_training_jobs()["TrainingJobSummaries"] == []
    groups = logs.describe_log_groups()["logGroups"]
    assert not any(row.run_id in group["logGroupName"] for group in groups)
