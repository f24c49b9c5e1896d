"""What a worker region's stack tells its functions."""

from __future__ import annotations

import pytest

from lambdas.aws.worker_settings import worker_settings
from stratos.pipeline.worker_jobs import SHORTEST_WAIT_SECONDS
from tests.unit.lambdas.two_regions import AWAY, AWAY_BUCKET, TwoRegions


def test_a_function_knows_its_region_and_how_often_to_look_at_a_job(regions: TwoRegions) -> None:
    mine = worker_settings()
    assert (mine.aws_region, mine.bucket) == (AWAY, AWAY_BUCKET)
    assert mine.watch_seconds == SHORTEST_WAIT_SECONDS


def test_a_variable_that_is_missing_is_named(
    regions: TwoRegions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BUCKET")
    worker_settings.cache_clear()
    with pytest.raises(ValueError, match="missing: BUCKET; deploy the worker stack"):
        worker_settings()
