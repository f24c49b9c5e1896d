"""What home's sweeper does about models that several regions serve."""

from __future__ import annotations

from typing import Any

import pytest

from lambdas.aws.settings import settings
from lambdas.serving import clean_up_retries, regional_sweeping, served_records
from stratos.errors import DeploymentFailed, SweepIncomplete
from stratos.hosting.ownership import STAGE_TAG
from tests.unit.lambdas.served_regions import ASIA, EUROPE, REGIONS, Fleet, fleet

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


def stop(fleet: Fleet) -> None:
    """Let the run's execution be over, and CleanUp not have heard of it yet."""
    run_id = fleet.pipeline.run.run_id
    own = f"{fleet.account.execution_arn}-{run_id}"  # runs of one account share theirs
    fleet.account.change(run_id, execution_arn=own)


@pytest.fixture
def no_clean_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no function that the sweeper could call for a run that has the turn."""
    monkeypatch.setattr(clean_up_retries, "retry", lambda swept_at: [])


@pytest.mark.usefixtures("no_clean_up")
def test_a_run_that_was_stopped_is_swept_and_not_promoted_afterwards(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.until_promoted()
    served, standing = fleet.record(), fleet.endpoints()
    fleet.until_measured()
    prepare = served_records.of_fleet

    def swept(*given: Any) -> Any:
        stop(fleet)
        assert {f"endpoint in {region}" for region in REGIONS} <= set(fleet.sweep())
        return prepare(*given)

    monkeypatch.setattr(served_records, "of_fleet", swept)
    with pytest.raises(DeploymentFailed, match="has ended"):
        fleet.promote()
    assert fleet.record() == served
    assert fleet.endpoints() == standing


@pytest.mark.usefixtures("no_clean_up")
def test_a_run_that_was_stopped_while_it_promotes_is_let_alone(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = fleet.until_measured()
    put, standing = served_records.put, fleet.endpoints()

    def swept(*given: Any) -> None:
        stop(fleet)
        assert fleet.sweep() == {}
        put(*given)

    monkeypatch.setattr(served_records, "put", swept)
    fleet.promote()
    assert fleet.account.row(pipeline.run.run_id)["endpoint_name"] == fleet.staged.name
    assert fleet.endpoints() == standing


def test_a_sweep_that_only_lists_decides_nothing(fleet: Fleet) -> None:
    fleet.until_measured()
    stop(fleet)
    regional_sweeping.settle_promotion(fleet.pipeline.run.run_id, dry_run=True)
    assert fleet.promote()["unconfirmed"] == {}


def test_a_model_in_a_region_that_was_taken_out_of_the_stack_is_named_and_stays_in_charge(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = fleet.until_promoted(EUROPE)
    run_id = pipeline.run.run_id
    fleet.end_run()
    monkeypatch.setenv("WORKER_REGIONS", ASIA)
    settings.cache_clear()
    with pytest.raises(SweepIncomplete, match=f"{EUROPE}: {fleet.staged.name} of run {run_id}"):
        fleet.sweep()
    assert fleet.account.row(run_id)["endpoint_name"] == fleet.staged.name
    fleet.account.expire(run_id)
    fleet.sweep()  # the region's own sweeper has ended it
    assert "endpoint_name" not in fleet.account.row(run_id)
