"""A look at a job in its region; home learns how it stands."""

from __future__ import annotations

import pytest

from lambdas.aws import worker_settings
from lambdas.handlers import watch_job
from stratos.pipeline.worker_jobs import SHORTEST_WAIT_SECONDS, SILENCE_SECONDS, WorkerJob
from tests.unit.lambdas.running_job import CHECKPOINTS, SILENT, STEP, bring, watch
from tests.unit.lambdas.two_regions import AWAY_BUCKET, TwoRegions


def test_a_running_job_is_told_of_at_home_with_its_progress_and_checkpoints(
    regions: TwoRegions, worker: WorkerJob
) -> None:
    watched = watch(worker)
    assert (watched["over"], watched["silent_since"]) == (False, None)
    assert watched["wait_seconds"] == SHORTEST_WAIT_SECONDS
    home = regions.at_home()
    assert home[f"{STEP}progress.json"] == b'{"usd": 0}'
    assert {key for key in home if key.startswith("checkpoints/")} == {
        f"{CHECKPOINTS}step-000000004/checkpoint.json",
        f"{CHECKPOINTS}step-000000004/tensors.safetensors",
    }
    assert regions.elsewhere(worker).instance_type == "ml.g5.xlarge"
    assert regions.home.told[0][0] == "heartbeat"


def test_checkpoints_are_copied_at_their_own_pace(
    regions: TwoRegions, worker: WorkerJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied_at = watch(worker)["checkpoints_copied_at"]
    for name in ("checkpoint.json", "tensors.safetensors"):
        regions.put(f"{CHECKPOINTS}step-000000008/{name}", name[:1].encode(), bucket=AWAY_BUCKET)
    assert watch(worker, checkpoints_copied_at=copied_at)["checkpoints_copied_at"] == copied_at
    assert f"{CHECKPOINTS}step-000000008/tensors.safetensors" not in regions.at_home()
    monkeypatch.setenv("CHECKPOINT_COPY_SECONDS", "0")
    worker_settings.worker_settings.cache_clear()
    assert watch(worker, checkpoints_copied_at=copied_at)["checkpoints_copied_at"] > copied_at
    assert f"{CHECKPOINTS}step-000000008/tensors.safetensors" in regions.at_home()
    assert sum(one.num_bytes for one in regions.moved(worker.run.run_id)) == 15 + 19 + 2


def test_a_job_is_stopped_when_home_waits_for_it_no_more(
    regions: TwoRegions, worker: WorkerJob
) -> None:
    regions.home.waits = False
    assert not watch(worker)["over"]
    assert regions.status(worker) == "Stopping"
    regions.settle(worker, "Stopped")
    assert watch(worker)["over"]
    assert bring(worker) == {"answered": False}
    assert f"{CHECKPOINTS}step-000000004/checkpoint.json" not in regions.at_home()


def test_a_job_goes_on_however_long_home_is_silent_and_is_looked_at_less_often(
    regions: TwoRegions, worker: WorkerJob
) -> None:
    regions.home.error = SILENT
    watched = watch(worker)
    since = watched["silent_since"]
    assert not watched["over"]
    assert watched["wait_seconds"] == SHORTEST_WAIT_SECONDS
    later = watch(worker, silent_since=since - SILENCE_SECONDS)
    assert later["silent_since"] == since - SILENCE_SECONDS
    assert later["wait_seconds"] > SHORTEST_WAIT_SECONDS
    assert regions.status(worker) == "InProgress"
    regions.home.error = None
    assert watch(worker, silent_since=since)["silent_since"] is None


def test_a_job_that_is_not_to_be_seen_is_looked_for_again_before_it_is_lost(
    regions: TwoRegions, worker: WorkerJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(watch_job, "describe_job", lambda name: None)
        first = watch(worker)
        assert (first["over"], first["unseen"]) == (False, 1)
        second = watch(worker, unseen=first["unseen"])
        assert not second["over"]
        assert watch(worker, unseen=second["unseen"])["over"]
    found = watch(worker, unseen=second["unseen"])
    assert (found["over"], found["unseen"]) == (False, None)
