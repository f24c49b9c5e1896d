"""A run's row in the runs table, as it was ever written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from stratos.contracts.run import RunRow
from stratos.moment import now
from tests import factories

OLD = {
    "run_id": "tiles-0123abcd",
    "bucket": "bucket",
    "spec_key": "specs/tiles/spec.yaml",
    "spec_version_id": "v1",
    "execution_arn": "arn:e",
    "started_at": "2026-11-24T08:00:00.120Z",
    "ended_at": "2026-11-24T09:00:00.000+00:00",
    "status": "succeeded",
    "endpoint_name": "stratos-tiles",
    "expires_at": "2026-11-25T09:00:00+00:00",
    "usd_per_hour": Decimal("0.1"),
    "an_attribute_of_later": "passed over",
}


def test_a_row_of_before_is_read_with_its_moments() -> None:
    row = RunRow.model_validate(OLD)
    assert row.started_at == datetime(2026, 11, 24, 8, 0, 0, 120_000, tzinfo=UTC)
    assert row.expires_at == datetime(2026, 11, 25, 9, tzinfo=UTC)
    assert (row.in_service_since, row.live_since) == (row.ended_at, None)
    assert row.shown_spec_name == "tiles"
    assert row.usd_per_hour == 0.1
    told = row.model_dump(mode="json")
    assert told["started_at"] == "2026-11-24T08:00:00.120+00:00"
    assert told["expires_at"] == OLD["expires_at"]


def test_a_run_is_found_again_by_the_reference_in_its_row() -> None:
    run = factories.run_ref()
    assert RunRow.model_validate(run.model_dump(mode="json")).ref == run


@pytest.mark.parametrize(
    ("columns", "live", "kept"),
    [
        ({}, False, False),
        ({"endpoint_name": "e"}, True, True),
        ({"endpoint_name": "e", "expires_at": now() + timedelta(hours=1)}, True, False),
        ({"endpoint_name": "e", "expires_at": now() - timedelta(hours=1)}, False, False),
        ({"batch_model_name": "m"}, True, False),
        ({"endpoint_name": "e", "status": "failed"}, True, True),
    ],
)
def test_a_run_is_live_while_it_is_in_charge_and_its_time_is_not_over(
    columns: dict[str, object], live: bool, kept: bool
) -> None:
    row = factories.run_row(**columns)
    assert (row.live, row.kept) == (live, kept)


def test_the_token_that_answers_for_a_person_is_not_shown() -> None:
    row = factories.run_row(task_token="t-secret")
    assert row.awaits_approval
    assert "t-secret" not in repr(row)
