"""What a job of another region reads, at home, and how it is fetched."""

from __future__ import annotations

import json

from lambdas.handlers import fetch_inputs
from stratos.pipeline.worker_jobs import WorkerJob
from tests.unit.lambdas.pipeline import call
from tests.unit.lambdas.two_regions import ASSETS, TwoRegions

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
