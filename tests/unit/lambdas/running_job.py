"""A job that runs in the worker region, and what it has written there so far."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError
from pydantic import TypeAdapter

from lambdas.handlers import bring_home, watch_job
from stratos.contracts.bucket import RunKeys
from stratos.contracts.jobs import AnyJobConfig
from stratos.contracts.regions import JobElsewhere
from stratos.moment import now
from stratos.pipeline.worker_jobs import WorkerJob
from tests import factories
from tests.unit.lambdas.pipeline import call
from tests.unit.lambdas.two_regions import (
    AWAY,
    AWAY_BUCKET,
    TwoRegions,
    worker_job,
)

SILENT = ConnectionClosedError(endpoint_url="https://states.us-east-1.amazonaws.com")
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
