"""Endpoints that are made beside what is in service, and that nobody asks yet."""

from __future__ import annotations

from datetime import UTC, datetime

from stratos.hosting.ownership import EXPIRES_TAG, HOME_TAG, LEASE_TAG, NEVER, STAGE_TAG
from tests.unit.lambdas.conftest import REGION
from tests.unit.lambdas.served_regions import REGIONS, Fleet, fleet

__all__ = ["fleet"]


def test_each_region_gets_an_endpoint_of_the_run_s_own_that_nobody_asks_yet(fleet: Fleet) -> None:
    pipeline = fleet.begin()
    assert pipeline.state["quality"]["deployment"]["served_in"] == list(REGIONS)
    staged = fleet.stage()
    assert staged.regions == REGIONS
    assert staged.name == f"stratos-{pipeline.run.run_id}-a0"
    for one in staged.endpoints:
        tags = fleet.tags(one.region)
        assert tags[STAGE_TAG] == "staged"
        assert tags[EXPIRES_TAG] == NEVER
        assert datetime.fromisoformat(tags[LEASE_TAG]) > datetime.now(UTC)
        assert tags.get(HOME_TAG) == (None if one.region == REGION else REGION)
    assert fleet.record() is None
    assert "endpoint_name" not in fleet.account.row(pipeline.run.run_id)
