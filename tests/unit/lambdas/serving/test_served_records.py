"""The record of where a model answers, and the runs table that follows it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from lambdas.aws import runs_table
from lambdas.handlers import clean_up, promote, sweep
from lambdas.serving import served_records
from stratos.errors import DeploymentFailed, EndpointUnsettled
from stratos.moment import now, written
from tests.unit.lambdas.conftest import REGION
from tests.unit.lambdas.pipeline import call, start
from tests.unit.lambdas.served_regions import ASIA, REGIONS, Fleet, fleet

__all__ = ["fleet"]


def test_a_run_that_was_cut_short_right_after_the_record_is_in_charge(fleet: Fleet) -> None:
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


def stop(fleet: Fleet) -> None:
    """Let somebody stop the run's execution, and CleanUp hear of it."""
    run_id = fleet.pipeline.run.run_id
    own = f"{fleet.account.execution_arn}-{run_id}"  # runs of one account share theirs
    fleet.account.change(run_id, execution_arn=own)
    detail = {"executionArn": own, "status": "ABORTED"}
    call(clean_up.handler, event={"detail": detail})


def test_a_run_that_is_stopped_before_its_record_is_written_is_not_promoted_afterwards(
    fleet: Fleet,
) -> None:
    fleet.until_promoted()
    served, standing = fleet.record(), fleet.endpoints()
    fleet.until_measured()
    prepare = served_records.of_fleet

    def stopped(*given: Any) -> Any:
        stop(fleet)
        return prepare(*given)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(served_records, "of_fleet", stopped)
        with pytest.raises(DeploymentFailed, match="has ended"):
            fleet.promote()
    assert fleet.record() == served
    assert fleet.endpoints() == standing


def test_a_run_that_is_stopped_while_its_record_is_written_stays_in_service(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served_records, "_PATIENCE_SECONDS", -1)
    pipeline = fleet.until_measured()
    standing, put = fleet.endpoints(), served_records.put

    def stopped(*given: Any) -> None:
        with pytest.raises(EndpointUnsettled, match="is putting its model into service"):
            stop(fleet)
        assert call(sweep.handler, dry_run=True)["removed"] == []
        put(*given)

    monkeypatch.setattr(served_records, "put", stopped)
    fleet.promote()
    stop(fleet)
    assert fleet.account.row(pipeline.run.run_id)["endpoint_name"] == fleet.staged.name
    assert fleet.endpoints() == standing


def test_what_a_promotion_that_died_before_the_record_has_made_goes_in_the_end(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served_records, "_PATIENCE_SECONDS", -1)
    pipeline = fleet.until_measured()
    with monkeypatch.context() as patched:
        patched.setattr(served_records, "put", _crash)
        with pytest.raises(KeyboardInterrupt):
            fleet.promote()
    with pytest.raises(EndpointUnsettled):
        stop(fleet)
    long_ago = written(now() - timedelta(minutes=17))
    fleet.account.change(pipeline.run.run_id, committing_at=long_ago)
    stop(fleet)
    assert fleet.endpoints() == {}


def test_a_model_that_comes_home_is_not_put_into_service_by_a_run_that_has_ended(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.until_promoted()
    served = fleet.record()
    fleet.pipeline = at_home = start(fleet.account).until_deployed()
    monkeypatch.setattr(promote, "_register_served", lambda *_: stop(fleet))
    with pytest.raises(DeploymentFailed, match="has ended"):
        at_home.promote()
    assert fleet.record() == served


@pytest.mark.parametrize(
    ("changed", "promoting"),
    [
        ({}, True),
        ({"status": "failed"}, True),  # its function may go on
        ({"status": "succeeded"}, False),
        ({"endpoint_name": "e", "live_since": now()}, False),
        ({"committing_at": now() - timedelta(minutes=17)}, False),
        ({"committing_at": None}, False),
    ],
    ids=["begun", "stopped", "succeeded", "in charge", "long ago", "never"],
)
def test_a_run_is_promoting_until_it_is_in_charge_has_succeeded_or_ran_out_of_time(
    fleet: Fleet, changed: dict[str, Any], promoting: bool
) -> None:
    run_id = start(fleet.account).run.run_id
    row = runs_table.find(run_id)
    assert row is not None
    begun = row.model_copy(update={"committing_at": now()} | changed)
    assert served_records.is_promoting(begun) is promoting
