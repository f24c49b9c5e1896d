"""One job of another region: handed over, watched, brought home or given up."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from pydantic import TypeAdapter

from lambdas.aws import worker_settings
from lambdas.handlers import bring_home, give_up, watch_job
from stratos.contracts.bucket import RunKeys
from stratos.contracts.jobs import AnyJobConfig
from stratos.contracts.regions import JobElsewhere
from stratos.errors import HomeUnreachable
from stratos.moment import now
from stratos.pipeline.job_failure import classify
from stratos.pipeline.steps import JobFailure
from stratos.pipeline.worker_jobs import SHORTEST_WAIT_SECONDS, SILENCE_SECONDS, WorkerJob
from tests import factories
from tests.unit.lambdas.pipeline import call
from tests.unit.lambdas.two_regions import (
    AWAY,
    AWAY_BUCKET,
    HOME,
    TwoRegions,
    told,
    worker_job,
)

SILENT = EndpointConnectionError(endpoint_url="https://states.us-east-1.amazonaws.com")
STEP = "runs/tiles-0123abcd/jobs/distill-a0/"
SPEC = factories.spec()
CONFIGS: TypeAdapter[AnyJobConfig] = TypeAdapter(AnyJobConfig)
CHECKPOINTS = "checkpoints/tiles-0123abcd/distill-a0/"


@pytest.fixture
def worker(regions: TwoRegions) -> WorkerJob:
    """A job that runs in its region, and what it has written there so far."""
    worker = worker_job()
    regions.create_job(worker)
    regions.put(f"{STEP}config/config.json", distillation(), bucket=AWAY_BUCKET)
    regions.put(f"{STEP}progress.json", b'{"usd": 0}', bucket=AWAY_BUCKET)
    for name in ("checkpoint.json", "tensors.safetensors"):
        regions.put(f"{CHECKPOINTS}step-000000004/{name}", name.encode(), bucket=AWAY_BUCKET)
    regions.put(f"{CHECKPOINTS}.partial-step-000000008/x", b"half", bucket=AWAY_BUCKET)
    known = JobElsewhere(
        name=worker.job.name,
        step=worker.job.step,
        region=AWAY,
        handed_over_at=now(),
        seen_at=now(),
        max_seconds=3600,
    )
    key = RunKeys(worker.run.run_id).job_elsewhere(worker.job.name)
    regions.put(key, known.model_dump_json().encode())
    return worker


def _config(**fields: Any) -> bytes:
    """config.json, as FetchInputs wrote it."""
    shared = {
        "run_id": "tiles-0123abcd",
        "result_uri": f"s3://{AWAY_BUCKET}/{STEP}result.json",
        "progress_uri": f"s3://{AWAY_BUCKET}/{STEP}progress.json",
        "deadline_seconds": 600,
        "usd_per_hour": 1.0,
        "judging": {"verifier": SPEC.task.verifier, "answer_marker": "####", "has_checker": False},
    }
    return CONFIGS.validate_python(shared | fields).model_dump_json().encode()


def distillation() -> bytes:
    return _config(
        kind="distill",
        student=SPEC.students[0],
        method="lora",
        precision="bfloat16",
        training=SPEC.training,
    )


def synthesis(records_uri: str) -> bytes:
    return _config(
        kind="synthesize",
        teacher=SPEC.teachers[0],
        strategy="alignment",
        synthesis=SPEC.synthesis,
        seed=1,
        records_uri=records_uri,
    )


def watch(worker: WorkerJob, **seen: Any) -> dict[str, Any]:
    return call(watch_job.handler, worker=worker, **seen)


def bring(worker: WorkerJob) -> dict[str, Any]:
    return call(bring_home.handler, **dict(worker))


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
    regions.put(f"{CHECKPOINTS}step-000000008/tensors.safetensors", b"8", bucket=AWAY_BUCKET)
    assert watch(worker, checkpoints_copied_at=copied_at)["checkpoints_copied_at"] == copied_at
    assert f"{CHECKPOINTS}step-000000008/tensors.safetensors" not in regions.at_home()
    monkeypatch.setenv("CHECKPOINT_COPY_SECONDS", "0")
    worker_settings.worker_settings.cache_clear()
    assert watch(worker, checkpoints_copied_at=copied_at)["checkpoints_copied_at"] > copied_at
    assert f"{CHECKPOINTS}step-000000008/tensors.safetensors" in regions.at_home()
    assert sum(one.num_bytes for one in regions.moved(worker.run.run_id)) == 15 + 19 + 1


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
    assert watch(lost)["over"]
    assert bring(lost) == {"answered": True}
    [(_, answer)] = regions.home.answers()
    assert answer == {
        "taskToken": "token",
        "error": "RegionUnreachable",
        "cause": "eu-west-1 has lost job gone",
    }


def test_what_was_made_stays_in_its_region_while_home_is_silent(
    regions: TwoRegions, worker: WorkerJob
) -> None:
    regions.settle(worker, "Completed")
    regions.home.error = SILENT
    with pytest.raises(HomeUnreachable, match="us-east-1 does not answer"):
        bring(worker)
    regions.home.error = None
    assert bring(worker) == {"answered": True}


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


def test_a_job_that_is_given_up_is_stopped_and_home_learns_why(
    regions: TwoRegions, worker: WorkerJob
) -> None:
    failure = {"Error": "SageMaker.ResourceLimitExceeded", "Cause": "account-level service limit"}
    given = {"worker": worker, "failure": failure}
    assert call(give_up.handler, **given) == {"answered": True}
    assert regions.status(worker) == "Stopping"
    [(_, answer)] = regions.home.answers()
    caught = JobFailure(Error=answer["error"], Cause=answer["cause"])
    assert classify(caught, None).outcome == "quota"
    assert call(give_up.handler, **given) == {"answered": False}


def test_an_execution_that_was_cut_short_is_given_up(
    regions: TwoRegions, worker: WorkerJob
) -> None:
    detail = {"status": "ABORTED", "input": worker.model_dump_json()}
    assert call(give_up.handler, event={"detail": detail}) == {"answered": True}
    assert regions.status(worker) == "Stopping"
    [(_, answer)] = regions.home.answers()
    assert answer["error"] == "Execution ABORTED"
