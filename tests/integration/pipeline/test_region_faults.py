"""Faults between a home and a worker region, beyond a region that is cut off while a job trains."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.local import daemon
from infra.local.cli import bring_up
from infra.local.host.capacity import Capacity
from infra.local.host.network import NetworkCall
from stratos.catalog.servers import ServerCatalog
from stratos.contracts.bucket import SERVERS_KEY, RunKeys, split_uri
from stratos.contracts.jobs import SynthesizeResult
from stratos.contracts.regions import JobElsewhere
from stratos.moment import now
from tests.integration.pipeline.cloud import Cloud, eventually, servers_of_this_machine, write_task
from tests.integration.pipeline.regions import AWAY, HOME, Regions, mended, no_job_runs, regions

__all__ = ["mended", "regions"]
pytestmark = [pytest.mark.slow, pytest.mark.regions]

LONG = {"optimizer": "muon", "method": "full", "max_steps": 1500, "batch_tokens": 1024}
FAR_MS, NEAR_MS = 2000.0, 80.0
OTHER_ROWS = 150
"""Of the dataset, so that the region has no copy of it by an earlier run."""
SHORTLY_SECONDS = 5.0
"""That a region is cut off: longer than a call, shorter than home's patience."""


def distilled_there(regions: Regions, run_id: str) -> list[dict[str, Any]]:
    return [job for job in regions.jobs(run_id) if "-distill-a0" in job["TrainingJobName"]]


def distilled_here(regions: Regions, run_id: str) -> list[dict[str, Any]]:
    return [job for job in regions.cloud.jobs(run_id) if "-distill-a0" in job["TrainingJobName"]]


def known_at_home(regions: Regions, run_id: str, step: str) -> JobElsewhere:
    [found] = [job for job in regions.elsewhere(run_id) if job.step == step]
    return found


def executions(regions: Regions, run_id: str) -> dict[str, dict[str, Any]]:
    """The worker region's executions for a run, by the names of their jobs."""
    states = regions.away("stepfunctions")
    machine = f"arn:aws:states:{AWAY}:123456789012:stateMachine:stratos-worker"
    pages = states.get_paginator("list_executions").paginate(stateMachineArn=machine)
    return {
        one["name"]: states.describe_execution(executionArn=one["executionArn"])
        for page in pages
        for one in page["executions"]
        if one["name"].startswith(f"{run_id}-")
    }


def history(regions: Regions, execution: dict[str, Any]) -> Iterator[dict[str, Any]]:
    states = regions.away("stepfunctions")
    pages = states.get_paginator("get_execution_history")
    for page in pages.paginate(executionArn=execution["executionArn"]):
        yield from page["events"]


def records_of(execution: dict[str, Any]) -> str:
    """Prefix of the records that a job reads."""
    channels = json.loads(execution["input"])["job"]["input_data_config"]
    [uri] = [
        channel["DataSource"]["S3DataSource"]["S3Uri"]
        for channel in channels
        if channel["ChannelName"] == "dataset"
    ]
    return split_uri(uri)[1]


def held(regions: Regions, prefix: str) -> dict[str, datetime]:
    """Keys below a prefix of the worker's bucket, and when each was written."""
    listed = regions.away("s3").list_objects_v2(Bucket=regions.away_bucket, Prefix=prefix)
    return {item["Key"]: item["LastModified"] for item in listed["Contents"]}


def succeeded(cloud: Cloud, run_id: str) -> None:
    assert cloud.finish(run_id).status == "succeeded", cloud.summary(run_id).reason


def test_an_artifact_that_cannot_come_home_is_made_again_and_its_late_answer_counts_for_nothing(
    regions: Regions, tmp_path: Path
) -> None:
    regions.train(AWAY)
    cloud = regions.cloud
    run_id = cloud.submit(write_task(tmp_path, "stranded"))
    eventually(lambda: distilled_there(regions, run_id), pause=0.1)
    regions.network.set_round_trip(HOME, AWAY, FAR_MS)  # what it made is under way for a while
    try:
        [job] = distilled_there(regions, run_id)
        eventually(
            lambda: distilled_there(regions, run_id)[0]["TrainingJobStatus"] == "Completed",
            pause=0.1,
        )
        regions.network.cut(AWAY)
    finally:
        regions.network.set_round_trip(HOME, AWAY, NEAR_MS)
    succeeded(cloud, run_id)
    assert len(distilled_here(regions, run_id)) == 1
    row = cloud.row(run_id)
    assert row is not None
    assert row.model_artifact is not None
    assert job["TrainingJobName"] not in row.model_artifact
    assert known_at_home(regions, run_id, "distill-a0").given_up

    regions.network.mend(AWAY)
    name = str(job["TrainingJobName"])
    eventually(lambda: executions(regions, run_id)[name]["status"] != "RUNNING")
    assert executions(regions, run_id)[name]["status"] == "SUCCEEDED"
    told = known_at_home(regions, run_id, "distill-a0")  # the bill is right, too
    assert (told.status, told.billed_seconds is not None) == ("Completed", True)
    assert cloud.finish(run_id).model_artifact == row.model_artifact
    no_job_runs(regions)


def test_a_copy_that_is_interrupted_goes_on_where_it_was(regions: Regions, tmp_path: Path) -> None:
    """It is cut off when all records of the first job are there, and none of its models."""
    regions.train(AWAY)
    cloud = regions.cloud
    models = "specs/halfway/models/"
    regions.network.cut_at(
        AWAY,
        NetworkCall(origin=AWAY, region=HOME, service="s3", operation="HeadObject", key=models),
    )
    run_id = cloud.submit(write_task(tmp_path, "halfway", OTHER_ROWS))
    eventually(regions.network.cut_off, pause=0.1)
    cut_at = now()
    until = time.monotonic() + SHORTLY_SECONDS
    eventually(lambda: time.monotonic() > until)
    regions.network.mend(AWAY)
    succeeded(cloud, run_id)
    [first, *_] = sorted(executions(regions, run_id).values(), key=lambda one: one["startDate"])
    failed = [event for event in history(regions, first) if event["type"].endswith("Failed")]
    assert failed
    assert first["status"] == "SUCCEEDED"
    read = records_of(first)
    before = {key for key, at in held(regions, read).items() if at <= cut_at}
    assert before == set(held(regions, read)) != set()  # written once, though asked for again
    assert all(at > cut_at for at in held(regions, models).values())
    moved = [one.target for one in regions.moved(run_id)]
    records = {f"s3://{regions.away_bucket}/{key}" for key in before}
    assert len(moved) == len(set(moved))
    assert records <= set(moved)  # counted, though home could not be told then
    assert distilled_there(regions, run_id)
    assert not distilled_here(regions, run_id)
    no_job_runs(regions)


def test_servers_that_share_a_step_do_so_in_another_region_and_a_second_answer_is_refused(
    regions: Regions, tmp_path: Path
) -> None:
    regions.train(AWAY)
    cloud = regions.cloud
    shared = {"max_p95_latency_ms": 20_000, "max_training_hours": 0.2, "servers_per_step": 2}
    run_id = cloud.submit(write_task(tmp_path, "shared", constraints=shared))
    shards = [f"{run_id}-synthesize-a0-s{shard}-0" for shard in range(2)]

    def answered() -> bool:
        found = executions(regions, run_id)
        return all(name in found and found[name]["status"] == "SUCCEEDED" for name in shards)

    eventually(answered, doing=lambda: cloud.doing(run_id))
    given = json.loads(executions(regions, run_id)[shards[0]]["input"])
    with pytest.raises(ClientError, match=r"TaskTimedOut|TaskDoesNotExist|InvalidToken"):
        cloud.stack.states.send_task_failure(
            taskToken=given["home"]["task_token"], error="Second", cause="an answer came twice"
        )
    succeeded(cloud, run_id)
    made = {str(job["TrainingJobName"]) for job in regions.jobs(run_id)}
    assert set(shards) <= made
    assert not set(shards) & {job["TrainingJobName"] for job in cloud.jobs(run_id)}
    results = [
        SynthesizeResult.model_validate(cloud.read_json(RunKeys(run_id).job_result(step)))
        for step in ("synthesize-a0", "synthesize-a0-s0", "synthesize-a0-s1")
    ]
    assert results[0].kept == results[1].kept + results[2].kept > 0
    no_job_runs(regions)


def test_a_quota_of_zero_in_a_region_is_planned_with(regions: Regions, tmp_path: Path) -> None:
    regions.train(AWAY)
    cloud, quotas = regions.cloud, Capacity(regions.cloud.settings, AWAY)
    catalog = ServerCatalog.model_validate(cloud.read_json(SERVERS_KEY))
    types = [row.instance_type for row in catalog.instance_types]
    quotas.forbid(types, ("training", "spot"))
    try:
        run_id = cloud.submit(write_task(tmp_path, "zero"))
        plans = eventually(lambda: cloud.read_json(RunKeys(run_id).plans))
    finally:
        quotas.permit(types, ("training", "spot"))
    assert plans["chosen"]["training"]["region"] == HOME
    assert "quotas there are 0" in plans["regions"][AWAY]
    row = cloud.row(run_id)
    assert row is not None
    cloud.stack.states.stop_execution(executionArn=row.execution_arn)
    assert cloud.finish(run_id).status == "stopped"
    assert regions.jobs(run_id) == []
    no_job_runs(regions)


@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_a_cloud_that_goes_while_a_job_runs_elsewhere_comes_back_without_anything_billable(
    regions: Regions, tmp_path: Path, how: str
) -> None:
    regions.train(AWAY)
    cloud = regions.cloud
    run_id = cloud.submit(write_task(tmp_path, f"gone-{how}", training=LONG))
    eventually(lambda: [name for name in regions.billable() if "-distill-a0" in name])
    if how == "stopped":
        daemon.stop(cloud.settings)
    else:
        pid = daemon.status(cloud.settings).pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: not daemon.status(cloud.settings).alive)
    eventually(lambda: cloud.processes("training.distill") == [])
    again = cloud_of(regions)
    assert again.row(run_id) is not None  # what was acknowledged is kept, however the cloud ended
    eventually(lambda: ended(again, run_id))
    assert again.summary(run_id).status in ("failed", "stopped")
    no_job_runs(regions)


def ended(cloud: Cloud, run_id: str) -> bool:
    """Whether a run is over whose execution is forgotten."""
    row = cloud.row(run_id)
    return row is not None and row.finished


def cloud_of(regions: Regions) -> Cloud:
    """The cloud, up again; it may answer at another address."""
    settings = regions.cloud.settings
    assembly = settings.state_dir.parent / "cdk.out"
    url, _ = bring_up(settings, assembly, measure=servers_of_this_machine)
    os.environ.update(settings.client_environment(url))
    regions.cloud = Cloud(settings, url, regions.cloud.assembly)
    return regions.cloud
