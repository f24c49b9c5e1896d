"""Training in a worker region: a region that is lost costs the work since the last checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from infra.local.host.capacity import Capacity
from stratos.contracts.bucket import REFUSALS_KEY, RunKeys
from stratos.contracts.distillation import DistillResult
from stratos.contracts.measurements import Measurements
from stratos.contracts.regions import moved_bytes, read_refusals
from tests.integration.pipeline.cloud import eventually, write_task
from tests.integration.pipeline.regions import AWAY, HOME, Regions, mended, no_job_runs, regions

__all__ = ["mended", "regions"]
pytestmark = pytest.mark.slow

LONG = {"optimizer": "muon", "method": "full", "max_steps": 1500, "batch_tokens": 1024}


def task(folder: Path, name: str, **changes: object) -> Path:
    """A small spec that may use both regions; its models never fail a gate."""
    return write_task(folder, name, **changes)


def of_step(found: list[dict[str, Any]], step: str) -> list[str]:
    names = (str(job["TrainingJobName"]) for job in found)
    return [name for name in names if f"-{step}" in name]


IN_BOTH: dict[str, object] = {
    "load": {"origins": {HOME: 2, AWAY: 2}, "measure_seconds": 2},
    "preferences": {"accuracy": 0, "time": 0.1, "cost": 0, "latency": 1},
}
"""A model that is wanted near its clients, who are in both regions."""


def test_a_run_trains_where_it_is_cheapest_and_is_served_where_its_clients_are(
    regions: Regions, tmp_path: Path
) -> None:
    regions.train(AWAY)
    regions.refuse(HOME)
    cloud = regions.cloud
    run_id = cloud.submit(task(tmp_path, "abroad", **IN_BOTH))
    row = cloud.finish(run_id)
    assert row.status == "succeeded", cloud.summary(run_id).reason
    assert of_step(regions.jobs(run_id), "distill-a0")
    assert not of_step(cloud.jobs(run_id), "distill-a0")
    trained = [job for job in regions.elsewhere(run_id) if job.step == "distill-a0"]
    assert [(job.status, job.region) for job in trained] == [("Completed", AWAY)]
    assert row.model_artifact is not None
    assert row.model_artifact.startswith(f"s3://{cloud.stack.bucket}/")
    assert cloud.summary(run_id).total_usd > 0
    moved = moved_bytes(regions.moved(run_id))
    assert moved.keys() == {(HOME, AWAY), (AWAY, HOME)}
    weights = [one for one in regions.moved(run_id) if one.source.endswith(".safetensors")]
    assert len({one.source for one in weights}) == len(weights) > 0
    served = regions.served(HOME)
    assert served is not None
    assert {one.region: one.origins for one in served.regions} == {HOME: (HOME,), AWAY: (AWAY,)}
    assert all(origin.p95_ms for origin in served.origins)
    assert regions.served(AWAY) == served
    name = served.regions[0].endpoint_name
    assert row.endpoint_name == name
    assert all(name in there for there in regions.endpoints().values())
    measured = Measurements.model_validate(cloud.read_json(RunKeys(run_id).measurements)).measured
    assert {one.region for one in measured} == {HOME, AWAY}
    no_job_runs(regions)


@pytest.mark.regions
def test_a_region_without_quota_is_left_for_home(regions: Regions, tmp_path: Path) -> None:
    regions.train(AWAY)
    cloud = regions.cloud
    Capacity(cloud.settings, AWAY).exhaust(["ml.local.cpu1", "ml.local.cpu2"], ("training",))
    run_id = cloud.submit(task(tmp_path, "full"))
    assert cloud.finish(run_id).status == "succeeded", cloud.summary(run_id).reason
    assert of_step(cloud.jobs(run_id), "distill-a0")
    text = cloud.stack.s3.get_object(Bucket=cloud.stack.bucket, Key=REFUSALS_KEY)["Body"].read()
    refused = [row for row in read_refusals(text.decode()) if row.run_id == run_id]
    assert {(row.region, row.outcome) for row in refused} == {(AWAY, "capacity")}
    no_job_runs(regions)


@pytest.mark.regions
def test_a_region_that_is_cut_off_before_the_job_starts_is_left_for_home(
    regions: Regions, tmp_path: Path
) -> None:
    regions.train(AWAY)
    cloud = regions.cloud
    run_id = cloud.submit(task(tmp_path, "beforehand"))
    eventually(lambda: cloud.keys(RunKeys(run_id).match))  # it is planned with
    regions.network.cut(AWAY)
    assert cloud.finish(run_id).status == "succeeded", cloud.summary(run_id).reason
    assert of_step(cloud.jobs(run_id), "distill-a0")
    regions.network.mend(AWAY)
    no_job_runs(regions)


def test_a_region_that_is_lost_in_mid_training_costs_the_work_since_the_last_checkpoint(
    regions: Regions, tmp_path: Path
) -> None:
    regions.train(AWAY)
    cloud = regions.cloud
    run_id = cloud.submit(task(tmp_path, "midway", training=LONG))
    checkpoints = RunKeys(run_id).checkpoints("distill-a0")
    eventually(lambda: any(key.endswith("checkpoint.json") for key in cloud.keys(checkpoints)))
    regions.network.cut(AWAY, lose_jobs=True)
    assert cloud.finish(run_id).status == "succeeded", cloud.summary(run_id).reason
    result = DistillResult.model_validate(cloud.read_json(RunKeys(run_id).job_result("distill-a0")))
    assert result.resumed_from_step
    [lost] = [job for job in regions.elsewhere(run_id) if job.step == "distill-a0"]
    assert lost.given_up
    regions.network.mend(AWAY)
    no_job_runs(regions)
