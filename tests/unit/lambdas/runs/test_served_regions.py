"""A model that several regions serve: in service in all of them at once, or in none."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from stratos.errors import RegionUnreachable
from stratos.hosting.ownership import EXPIRES_TAG, HOME_TAG, LEASE_TAG, NEVER, STAGE_TAG
from tests.unit.lambdas.conftest import REGION
from tests.unit.lambdas.served_regions import ASIA, EUROPE, REGIONS, Fleet, fleet

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


def test_a_model_is_in_service_everywhere_by_one_record(fleet: Fleet) -> None:
    pipeline = fleet.until_measured()
    promoted = fleet.promote()
    assert (promoted["former"], promoted["drain_seconds"]) == ([], None)
    record = fleet.record()
    assert record is not None
    assert (record.run_id, record.generation) == (pipeline.run.run_id, 1)
    assert {one.region: one.origins for one in record.regions} == {r: (r,) for r in REGIONS}
    assert all(origin.p95_ms is not None for origin in record.origins)
    for region in REGIONS:
        assert fleet.record(region) == record
        assert fleet.tags(region)[STAGE_TAG] == "promoted"
    row = fleet.account.row(pipeline.run.run_id)
    assert row["endpoint_name"] == fleet.staged.name
    assert row["serving_regions"] == list(REGIONS)


def test_what_each_region_measured_is_kept_and_the_report_is_of_all(fleet: Fleet) -> None:
    pipeline = fleet.until_promoted()
    measured = pipeline.measurements()
    assert {one.region for one in measured} == set(REGIONS)
    assert all(one.passed for one in measured)
    summary = pipeline.summary()
    assert summary.status == "succeeded", summary.reason
    assert summary.endpoint is not None
    assert not any("another plan was tried" in note for note in summary.notes)


@pytest.mark.parametrize("slow", [EUROPE, ASIA])
def test_one_gate_that_fails_leaves_the_model_in_service_everywhere(
    fleet: Fleet, slow: str
) -> None:
    before = fleet.until_promoted()
    served, standing = fleet.record(), fleet.endpoints()
    fleet.begin(constraints={"max_p95_latency_ms": 12_000})
    fleet.stage()
    fleet.measure(**{slow.replace("-", "_"): 5000.0})
    judged = fleet.judge()
    assert not judged["passed"]
    assert judged["reason"].startswith(f"student: {slow}: p95 latency")
    fleet.clean_up()
    assert fleet.endpoints() == standing
    assert fleet.record() == served
    assert fleet.account.row(before.run.run_id)["endpoint_name"] is not None


def test_the_distance_of_its_origins_counts_with_what_a_region_measured(fleet: Fleet) -> None:
    fleet.begin(EUROPE, constraints={"max_p95_latency_ms": 10_300})
    found = fleet.pipeline.evidence()
    far = found.plan.origins[0].model_copy(update={"origin": ASIA, "round_trip_ms": 200.0})
    fleet.account.put(
        f"runs/{fleet.pipeline.run.run_id}/match.json",
        found.model_copy(
            update={
                "matching": found.matching.model_copy(
                    update={"plan": found.plan.model_copy(update={"origins": (far,)})}
                )
            }
        ).model_dump_json(),
    )
    fleet.stage()
    fleet.measure()
    assert " and 199 ms to the farthest origin, max_p95" in fleet.judge()["reason"]


def test_a_region_that_is_cut_off_before_the_record_is_written_ends_the_promotion(
    fleet: Fleet,
) -> None:
    before = fleet.until_promoted()
    served, standing = fleet.record(), fleet.endpoints()
    fleet.until_measured()
    fleet.network.cut = {EUROPE}
    with pytest.raises(RegionUnreachable, match="in every region or in none"):
        fleet.promote()
    assert fleet.record() == served
    fleet.clean_up()
    left = fleet.endpoints()
    assert {region: left[region] for region in (REGION, ASIA)} == {
        region: standing[region] for region in (REGION, ASIA)
    }
    assert left[EUROPE] > standing[EUROPE]
    fleet.network.cut = set()
    fleet.end_run()
    assert set(fleet.sweep()) == {
        f"{kind} in {EUROPE}" for kind in ("endpoint", "endpoint-config", "model")
    }
    assert fleet.endpoints() == standing
    assert fleet.account.row(before.run.run_id)["endpoint_name"] is not None


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


def test_a_promotion_that_is_called_again_changes_nothing(fleet: Fleet) -> None:
    fleet.until_promoted()
    fleet.until_measured()
    first, record = fleet.promote(), fleet.record()
    assert fleet.promote() == first
    assert fleet.record() == record


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


def test_what_answered_before_goes_when_its_clients_have_read_the_record(fleet: Fleet) -> None:
    fleet.until_promoted(REGION, EUROPE)
    former = fleet.staged.name
    fleet.until_measured(REGION, ASIA)
    promoted = fleet.promote()
    assert promoted["drain_seconds"] == 300
    assert [one["region"] for one in promoted["former"]] == [REGION, EUROPE]
    assert former in fleet.endpoints()[EUROPE]
    assert fleet.record(EUROPE) == fleet.record()
    fleet.retire(promoted)
    assert fleet.endpoints() == {region: {fleet.staged.name} for region in (REGION, ASIA)}


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
