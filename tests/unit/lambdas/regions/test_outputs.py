"""What a job made goes home."""

from __future__ import annotations

import pytest

from lambdas.regions.copier import Copier
from lambdas.regions.outputs import bring_checkpoints, bring_outputs
from lambdas.regions.places import Place
from stratos.errors import CopyUnfinished
from stratos.pipeline.worker_jobs import WorkerJob
from tests.unit.lambdas.running_job import CHECKPOINTS, STEP, bring, synthesis
from tests.unit.lambdas.two_regions import AWAY_BUCKET, HOME, TwoRegions


def test_records_that_a_job_wrote_come_home_with_their_tag(
    regions: TwoRegions, worker: WorkerJob
) -> None:
    config = synthesis(f"s3://{AWAY_BUCKET}/runs/tiles-0123abcd/records/a0/")
    regions.put(f"{STEP}config/config.json", config, bucket=AWAY_BUCKET)
    key = "runs/tiles-0123abcd/records/a0/records.jsonl"
    regions.put(key, b"rows", bucket=AWAY_BUCKET, Tagging="stratos:kept=records")
    regions.settle(worker, "Completed")
    bring(worker)
    assert regions.at_home()[key] == b"rows"
    tags = regions.s3("us-east-1").get_object_tagging(Bucket=HOME.bucket, Key=key)["TagSet"]
    assert tags == [{"Key": "stratos:kept", "Value": "records"}]


@pytest.mark.parametrize("elsewhere", ["runs/other-44444444/records/a0/", "runs/tiles-0123abcd/"])
def test_a_config_that_names_other_records_than_the_runs_is_refused(
    regions: TwoRegions, worker: WorkerJob, elsewhere: str
) -> None:
    config = synthesis(f"s3://{AWAY_BUCKET}/{elsewhere}")
    regions.put(f"{STEP}config/config.json", config, bucket=AWAY_BUCKET)
    regions.put(f"{elsewhere}deployment.json", b"{}", bucket=AWAY_BUCKET)
    with pytest.raises(ValueError, match="says that its records are in"):
        bring_outputs(worker)
    assert f"{elsewhere}deployment.json" not in regions.at_home()


@pytest.fixture
def copied(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Keys in the order in which they are copied."""
    seen: list[str] = []
    copy = Copier.copy

    def noted(copier: Copier, source: Place, key: str) -> None:
        copy(copier, source, key)
        seen.append(key)

    monkeypatch.setattr(Copier, "copy", noted)
    return seen


def put_checkpoint(regions: TwoRegions, step: int, *names: str) -> None:
    for name in names:
        key = f"{CHECKPOINTS}step-{step:09d}/{name}"
        regions.put(key, f"{step} {name}".encode(), bucket=AWAY_BUCKET)


def test_checkpoints_come_home_whole_and_the_newest_first(
    regions: TwoRegions, worker: WorkerJob, copied: list[str]
) -> None:
    put_checkpoint(regions, 8, "checkpoint.json", "tensors.safetensors")
    put_checkpoint(regions, 12, "tensors.safetensors")
    put_checkpoint(regions, 16, "checkpoint.json")
    bring_checkpoints(worker)
    assert [key.removeprefix(CHECKPOINTS) for key in copied] == [
        f"step-{step:09d}/{name}"
        for step in (8, 4)
        for name in ("tensors.safetensors", "checkpoint.json")
    ]


def test_a_region_that_is_cut_off_has_left_its_newest_checkpoint_at_home(
    regions: TwoRegions, worker: WorkerJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_checkpoint(regions, 8, "checkpoint.json", "tensors.safetensors")
    copy = Copier.copy

    def cut_off(copier: Copier, source: Place, key: str) -> None:
        if "step-000000004" in key:
            raise CopyUnfinished("no time is left")
        copy(copier, source, key)

    monkeypatch.setattr(Copier, "copy", cut_off)
    with pytest.raises(CopyUnfinished):
        bring_checkpoints(worker)
    found = {key for key in regions.at_home() if key.startswith(CHECKPOINTS)}
    assert {key.rpartition("/")[0] for key in found} == {f"{CHECKPOINTS}step-000000008"}
    assert len(found) == 2


def test_the_result_comes_home_after_all_that_it_stands_for(
    regions: TwoRegions, worker: WorkerJob, copied: list[str]
) -> None:
    config = synthesis(f"s3://{AWAY_BUCKET}/runs/tiles-0123abcd/records/a0/")
    regions.put(f"{STEP}config/config.json", config, bucket=AWAY_BUCKET)
    regions.put("runs/tiles-0123abcd/records/a0/records.jsonl", b"rows", bucket=AWAY_BUCKET)
    regions.put(f"{STEP}result.json", b"{}", bucket=AWAY_BUCKET)
    regions.put(f"{STEP}zebra.json", b"{}", bucket=AWAY_BUCKET)
    bring_outputs(worker)
    assert copied[-1] == f"{STEP}result.json"
    assert copied.count(copied[-1]) == 1
    assert "runs/tiles-0123abcd/records/a0/records.jsonl" in copied
