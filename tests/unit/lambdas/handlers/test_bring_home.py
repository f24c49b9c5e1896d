"""What a job has made goes home, and then the answer."""

from __future__ import annotations

import json

import pytest

from lambdas.handlers import bring_home
from stratos.errors import HomeUnreachable
from stratos.pipeline.job_failure import classify
from stratos.pipeline.steps import JobFailure
from stratos.pipeline.worker_jobs import WorkerJob
from tests.unit.lambdas.running_job import SILENT, STEP, bring, watch
from tests.unit.lambdas.two_regions import AWAY_BUCKET, HOME, TwoRegions, told


def test_the_answer_to_a_job_that_completed_is_what_sync_would_have_told(
    regions: TwoRegions, worker: WorkerJob
) -> None:
    artifact = f"runs/tiles-0123abcd/models/{worker.job.name}/output/model.tar.gz"
    regions.put(artifact, b"student", bucket=AWAY_BUCKET)
    regions.put(f"{STEP}result.json", b"{}", bucket=AWAY_BUCKET)
    regions.settle(
        worker,
        "Completed",
        ModelArtifacts={"S3ModelArtifacts": f"s3://{AWAY_BUCKET}/{artifact}"},
        BillableTimeInSeconds=120,
    )
    assert watch(worker)["over"]
    assert bring(worker) == {"answered": True}
    home = regions.at_home()
    assert (home[artifact], home[f"{STEP}result.json"]) == (b"student", b"{}")
    assert f"{STEP}config/config.json" not in home
    [(what, answer)] = regions.home.answers()
    assert what == "success"
    job = told(answer)
    assert job["ModelArtifacts"] == {"S3ModelArtifacts": f"s3://{HOME.bucket}/{artifact}"}
    assert isinstance(job["CreationTime"], int)
    assert AWAY_BUCKET not in json.dumps(job)
    seen = regions.elsewhere(worker)
    assert (seen.status, seen.billed_seconds) == ("Completed", 120)


def test_an_answer_that_comes_twice_does_no_harm(regions: TwoRegions, worker: WorkerJob) -> None:
    regions.settle(worker, "Completed")
    assert bring(worker) == {"answered": True}
    moved = len(regions.moved(worker.run.run_id))
    assert bring(worker) == {"answered": False}
    assert len(regions.home.answers()) == 1
    assert len(regions.moved(worker.run.run_id)) == moved


def test_a_failed_job_is_answered_as_sync_fails(regions: TwoRegions, worker: WorkerJob) -> None:
    regions.settle(worker, "Failed", FailureReason="CapacityError: Unable to provision")
    assert bring(worker) == {"answered": True}
    [(what, answer)] = regions.home.answers()
    assert (what, answer["error"]) == ("failure", "States.TaskFailed")
    failure = JobFailure(Error=answer["error"], Cause=answer["cause"])
    assert classify(failure, told(answer)).outcome == "capacity"


def test_a_job_that_its_region_has_lost_is_answered_as_such(
    regions: TwoRegions, worker: WorkerJob
) -> None:
    lost = worker.model_copy(update={"job": worker.job.model_copy(update={"name": "gone"})})
    assert bring(lost) == {"answered": True}
    [(_, answer)] = regions.home.answers()
    assert answer == {
        "taskToken": "token",
        "error": "RegionUnreachable",
        "cause": "eu-west-1 has lost job gone",
    }


def test_a_job_that_is_only_out_of_sight_is_stopped_before_another_one_begins(
    regions: TwoRegions, worker: WorkerJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bring_home, "describe_job", lambda name: None)
    assert bring(worker) == {"answered": True}
    assert regions.status(worker) == "Stopping"


def test_what_was_made_stays_in_its_region_while_home_is_silent(
    regions: TwoRegions, worker: WorkerJob
) -> None:
    regions.settle(worker, "Completed")
    regions.home.error = SILENT
    with pytest.raises(HomeUnreachable, match="us-east-1 does not answer"):
        bring(worker)
    regions.home.error = None
    assert bring(worker) == {"answered": True}
