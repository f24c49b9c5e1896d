"""The record of where a model answers, and the runs table that follows it."""

from __future__ import annotations

import pytest

from tests.unit.lambdas.conftest import REGION
from tests.unit.lambdas.served_regions import ASIA, REGIONS, Fleet, fleet

__all__ = ["fleet"]


def test_a_run_that_was_cut_short_right_after_the_record_is_in_charge(fleet: Fleet) -> None:
    from lambdas.serving import served_records

    pipeline = fleet.until_measured()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(served_records, "take_charge", _crash)
        with pytest.raises(KeyboardInterrupt):
            fleet.promote()
    standing = fleet.endpoints()
    fleet.clean_up()
    assert fleet.account.row(pipeline.run.run_id)["endpoint_name"] == fleet.staged.name
    assert fleet.endpoints() == standing


def _crash(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_spec_goes_from_home_to_several_regions_and_back(fleet: Fleet) -> None:
    from tests.unit.lambdas.pipeline import start

    start(fleet.account).until_promoted()
    fleet.until_measured()
    promoted = fleet.promote()
    assert [one["endpoint_name"] for one in promoted["former"]] == ["stratos-tiles"]
    fleet.retire(promoted)
    assert "stratos-tiles" not in fleet.account.resources()["endpoints"]
    at_home = start(fleet.account).until_deployed()
    back = at_home.promote()
    assert {one["region"] for one in back["former"]} == set(REGIONS)
    record = fleet.record()
    assert record is not None
    assert [(one.region, one.endpoint_name) for one in record.regions] == [
        (REGION, "stratos-tiles")
    ]
    assert (record.generation, fleet.record(ASIA)) == (2, record)
    fleet.pipeline = at_home
    fleet.retire(back)
    assert set(fleet.endpoints()) == {REGION}
