"""A run asks for its place."""

from __future__ import annotations

import pytest

from lambdas.aws import runs_table
from lambdas.handlers import await_place
from stratos.contracts import run_queue
from stratos.errors import QueueFull
from tests.unit.lambdas.conftest import Account
from tests.unit.lambdas.pipeline import call


def test_a_run_that_not_even_the_queue_has_room_for_says_what_to_do(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = account.run(account.drop())
    monkeypatch.setattr(run_queue, "MAX_QUEUED_RUNS", 0)
    with pytest.raises(QueueFull, match="upload the spec again when some have ended"):
        call(await_place.handler, run=run, spec_name="tiles", task_token="t")
    row = runs_table.find(run.run_id)
    assert row is not None
    assert row.queued is None
