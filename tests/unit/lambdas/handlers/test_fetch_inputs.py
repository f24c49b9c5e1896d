"""What a job reads is fetched while home waits for it."""

from __future__ import annotations

import json

import pytest

from lambdas.handlers import fetch_inputs
from lambdas.regions.contents import find_content
from lambdas.regions.ledger import CopyLedger
from lambdas.regions.places import Place
from stratos.errors import CopyUnfinished, NoLongerAwaited
from stratos.pipeline.worker_jobs import WorkerJob
from tests.unit.lambdas.pipeline import call
from tests.unit.lambdas.two_regions import (
    ASSETS,
    AWAY,
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


def test_a_job_for_which_home_waits_no_more_fetches_nothing(regions: TwoRegions) -> None:
    worker = worker_job()
    upload(regions, worker)
    regions.home.waits = False
    with pytest.raises(NoLongerAwaited):
        fetch(worker)
    assert regions.away() == {}


def test_a_job_for_which_home_waits_no_more_has_cost_nothing(
    regions: TwoRegions, worker: WorkerJob
) -> None:
    upload(regions, worker)
    regions.lose(worker)
    regions.home.waits = False
    with pytest.raises(NoLongerAwaited):
        fetch(worker)
    never = regions.elsewhere(worker)
    assert (never.status, never.billed_seconds) == ("Failed", 0)


def test_what_another_job_is_copying_is_waited_for(regions: TwoRegions) -> None:
    first, second = worker_job("tiles-0000aaaa"), worker_job("tiles-1111bbbb")
    upload(regions, second)
    home = Place("us-east-1", "stratos-bucket", "key")
    content = find_content(home.files, f"{MODEL}model.safetensors")
    assert content is not None
    ledger = CopyLedger(Place.own().files, AWAY)
    ledger.claim(content.identity, "elsewhere", first.job.name)
    with pytest.raises(CopyUnfinished, match="being copied to eu-west-1 for tiles-0000aaaa"):
        fetch(second)
    assert f"{MODEL}model.safetensors" not in regions.away()
    assert regions.away()[f"{MODEL}config.json"] == b"{}"
