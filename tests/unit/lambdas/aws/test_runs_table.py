"""Rows of the runs table."""

from __future__ import annotations

from datetime import timedelta

import pytest

from lambdas.aws import runs_table
from stratos.moment import now, written
from tests.unit.lambdas.conftest import Account
from tests.unit.lambdas.pipeline import start


def test_turns_are_not_listed_as_runs(account: Account) -> None:
    pipeline = start(account).until_registered()
    pipeline.take_turn()
    assert [row.run_id for row in runs_table.all_runs()] == [pipeline.run.run_id]


def test_moments_lie_in_the_table_as_people_read_them(account: Account) -> None:
    run, ended_at = start(account).run, now()
    runs_table.update(run.run_id, ended_at=ended_at, usd_per_hour=0.1)
    assert account.row(run.run_id)["ended_at"] == written(ended_at)
    row = runs_table.find(run.run_id)
    assert row is not None
    assert (row.ref, row.ended_at, row.usd_per_hour) == (run, ended_at, 0.1)


def test_a_column_is_set_and_removed_and_one_that_there_is_not_is_refused(account: Account) -> None:
    run_id = start(account).run.run_id
    runs_table.update(run_id, task_token="t")
    runs_table.update(run_id, **runs_table.NOTHING_AWAITED)
    assert "task_token" not in account.row(run_id)
    with pytest.raises(AssertionError, match="has no expires"):
        runs_table.update(run_id, expires="2026-01-01")


def test_a_run_whose_time_is_over_is_not_in_charge_for_others(account: Account) -> None:
    live, other = start(account).run, start(account).run
    runs_table.update(live.run_id, endpoint_name="e", endpoint_config_name="c")
    found = runs_table.live_at_endpoint(other, "e")
    assert found is not None
    assert found.endpoint_config_name == "c"
    assert runs_table.live_at_endpoint(live, "e") is None
    account.expire(live.run_id)
    assert not runs_table.another_in_charge(other)


def test_a_run_is_promoted_or_given_up_and_never_both(account: Account) -> None:
    promoted, ended = start(account).run.run_id, start(account).run.run_id
    soon = timedelta(minutes=16)
    assert runs_table.begin_promotion(promoted)
    assert not runs_table.give_up(promoted, soon)
    assert runs_table.begin_promotion(promoted)
    assert runs_table.give_up(ended, soon)
    assert not runs_table.begin_promotion(ended)
    assert runs_table.give_up(ended, soon)


def test_a_promotion_that_began_long_ago_and_came_to_nothing_is_given_up(account: Account) -> None:
    run_id, soon = start(account).run.run_id, timedelta(minutes=16)
    runs_table.update(run_id, committing_at=now() - soon - timedelta(seconds=1))
    assert runs_table.give_up(run_id, soon)
    assert not runs_table.begin_promotion(run_id)
