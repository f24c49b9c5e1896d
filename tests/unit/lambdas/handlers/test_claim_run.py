"""One run an event, however often it is delivered."""

from __future__ import annotations

import pytest

from lambdas.handlers import claim_run
from stratos.errors import DuplicateEvent, SpecRejected
from tests.unit.lambdas.conftest import BUCKET, SPEC_KEY, Account
from tests.unit.lambdas.pipeline import call


def test_the_same_event_is_one_run_whichever_execution_comes_first(account: Account) -> None:
    event = account.event(account.drop())
    first = claim(account, event)
    assert claim(account, event) == first
    with pytest.raises(DuplicateEvent, match=first["run_id"]):
        call(
            claim_run.handler,
            event=event,
            execution_arn="another",
            started_at="2026-01-01T00:00:00Z",
        )


def test_a_new_version_of_a_spec_is_a_new_run(account: Account) -> None:
    first, second = account.drop(), account.drop()
    assert (
        claim(account, account.event(first))["run_id"]
        != claim(account, account.event(second))["run_id"]
    )


def test_a_rerun_takes_the_newest_version_and_one_run_for_each_time(account: Account) -> None:
    newest = [account.drop(), account.drop()][-1]
    rerun = {"rerun": {"bucket": BUCKET, "key": SPEC_KEY}, "scheduled_at": "2026-01-05T06:00:00Z"}
    run = claim(account, rerun)
    assert (run["spec_version_id"], run["rerun"]) == (newest, True)
    later = claim(account, rerun | {"scheduled_at": "2026-01-12T06:00:00Z"})
    assert later["run_id"] != run["run_id"]


def test_a_rerun_of_a_deleted_spec_says_what_to_do(account: Account) -> None:
    with pytest.raises(SpecRejected, match="delete the schedule"):
        claim(account, {"rerun": {"bucket": BUCKET, "key": SPEC_KEY}})


def test_an_event_of_another_shape_is_refused_with_an_example(account: Account) -> None:
    with pytest.raises(ValueError, match="'detail' is missing"):
        claim(account, {"Records": []})


def claim(account: Account, event: dict[str, object]) -> dict[str, object]:
    return call(
        claim_run.handler,
        event=event,
        execution_arn=account.execution_arn,
        started_at="2026-01-05T10:00:00Z",
    )
