"""What an object holds, told by its checksum or its version."""

from __future__ import annotations

import json

from lambdas.handlers import fetch_inputs
from stratos.pipeline.worker_jobs import WorkerJob
from tests.unit.lambdas.pipeline import call
from tests.unit.lambdas.two_regions import (
    ASSETS,
    TwoRegions,
    worker_job,
)

MODEL = "specs/tiles/models/student/"


def upload(regions: TwoRegions, worker: WorkerJob, model: bytes = b"weights") -> None:
    """Everything at home that the job reads."""
    run = f"runs/{worker.run.run_id}"
    regions.put("0a1b2c.gz", b"code", bucket=ASSETS)
    regions.put(f"{MODEL}model.safetensors", model)
    regions.put(f"{MODEL}config.json", b"{}")
    regions.put(f"{run}/records/a0/records.jsonl", b"rows", Tagging="stratos:kept=records")
    config = {"kind": "distill", "result_uri": worker.job.result_uri}
    regions.put(f"{run}/jobs/distill-a0/config/config.json", json.dumps(config).encode())


def fetch(worker: WorkerJob) -> WorkerJob:
    return WorkerJob.model_validate(call(fetch_inputs.handler, **dict(worker)))


def test_a_file_without_a_checksum_that_tells_contents_apart_is_known_by_its_version(
    regions: TwoRegions,
) -> None:
    worker = worker_job()
    upload(regions, worker)
    regions.put(f"{MODEL}model.safetensors", b"weights", ChecksumAlgorithm="CRC32")
    fetch(worker)
    fetch(worker)
    moved = [one for one in regions.moved(worker.run.run_id) if "safetensors" in one.source]
    assert [one.num_bytes for one in moved] == [7]
    regions.put(f"{MODEL}model.safetensors", b"changed", ChecksumAlgorithm="CRC32")
    fetch(worker)
    assert regions.away()[f"{MODEL}model.safetensors"] == b"changed"
