"""What home's sweeper does about models that several regions serve."""

from __future__ import annotations

import pytest

from stratos.hosting.ownership import STAGE_TAG
from tests.unit.lambdas.served_regions import EUROPE, REGIONS, Fleet, fleet

__all__ = ["fleet"]


def test_a_region_that_is_cut_off_after_the_record_is_written_is_told_later(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lambdas.serving import regional_promotion

    pipeline = fleet.until_measured()
    confirm = regional_promotion.confirm_all

    def cut_off(record: object) -> dict[str, str]:
        fleet.network.cut = {EUROPE}
        return confirm(record)  # type: ignore[arg-type]

    monkeypatch.setattr(regional_promotion, "confirm_all", cut_off)
    assert list(fleet.promote()["unconfirmed"]) == [EUROPE]
    fleet.end_run()
    standing = fleet.endpoints()
    assert fleet.sweep() == {}
    assert fleet.account.row(pipeline.run.run_id)["endpoint_name"] == fleet.staged.name
    fleet.network.cut = set()
    assert fleet.tags(EUROPE)[STAGE_TAG] == "prepared"
    assert fleet.sweep() == {}
    assert fleet.tags(EUROPE)[STAGE_TAG] == "promoted"
    assert fleet.record(EUROPE) == fleet.record()
    assert fleet.endpoints() == standing


def test_endpoints_expire_together(fleet: Fleet) -> None:
    pipeline = fleet.until_promoted()
    fleet.end_run()
    fleet.account.expire(pipeline.run.run_id)
    gone = fleet.sweep()
    assert {f"endpoint in {region}" for region in REGIONS} <= set(gone)
    assert "endpoint_name" not in fleet.account.row(pipeline.run.run_id)
    fleet.sweep()
    assert fleet.endpoints() == {}


def test_a_live_endpoint_stays_while_its_only_region_cannot_be_reached(fleet: Fleet) -> None:
    pipeline = fleet.until_promoted(EUROPE)
    fleet.end_run()
    fleet.network.cut = {EUROPE}
    fleet.sweep()
    fleet.network.cut = set()
    fleet.sweep()
    assert fleet.account.row(pipeline.run.run_id)["endpoint_name"] == fleet.staged.name
    assert set(fleet.endpoints()) == {EUROPE}
