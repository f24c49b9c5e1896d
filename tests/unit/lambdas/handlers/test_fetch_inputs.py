"""What a job reads is fetched while home waits for it."""

from __future__ import annotations

import pytest

from lambdas.regions.contents import find_content
from lambdas.regions.ledger import CopyLedger
from lambdas.regions.places import Place
from stratos.errors import CopyUnfinished, NoLongerAwaited
from stratos.pipeline.worker_jobs import WorkerJob
from tests.unit.lambdas.job_inputs import MODEL, fetch, upload
from tests.unit.lambdas.two_regions import (
    AWAY,
    TwoRegions,
    worker_job,
)


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
