"""Runs of one spec share an endpoint, and take turns to change it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambdas.aws import runs_table
from lambdas.aws.sagemaker import Endpoint
from lambdas.handlers import clean_up
from lambdas.serving import leftovers, turns
from stratos.errors import EndpointBusy, EndpointUnsettled
from tests.unit.lambdas.conftest import Account
from tests.unit.lambdas.pipeline import call, start

_FAILURE = {"Error": "GateError", "Cause": ""}


def test_the_second_waits_until_the_first_is_promoted_and_then_replaces_it(
    account: Account,
) -> None:
    first, second = start(account).until_registered(), start(account).until_registered()
    first.take_turn()
    first.deploy()
    with pytest.raises(EndpointBusy, match=f"run {first.run.run_id} is changing endpoint"):
        second.take_turn()
    first.promote()
    taken = second.take_turn()
    assert (taken["replaces_live"], taken["previous_config_name"]) == (
        True,
        account.endpoint_config(),
    )
    second.deploy()
    second.promote()
    assert "endpoint_name" not in account.row(first.run.run_id)
    assert account.row(second.run.run_id)["endpoint_name"] == "stratos-tiles"


def test_a_run_may_ask_again_for_the_turn_it_has(account: Account) -> None:
    pipeline = start(account).until_registered()
    first, again = pipeline.take_turn(), pipeline.take_turn()
    assert again["endpoint_config_name"] == first["endpoint_config_name"]


def test_a_run_that_fails_gives_its_turn_back_once_the_endpoint_is_as_it_was(
    account: Account,
) -> None:
    first, second = start(account).until_registered(), start(account).until_registered()
    first.take_turn()
    first.deploy()
    call(clean_up.handler, run=first.run, failure=_FAILURE)
    assert second.take_turn()["replaces_live"] is False


def test_what_a_run_without_the_turn_cleans_up_is_not_the_holders(account: Account) -> None:
    first, second = start(account).until_registered(), start(account).until_registered()
    first.take_turn()
    first.deploy()
    call(clean_up.handler, run=second.run, failure=_FAILURE)
    assert account.endpoint_config() == first.state["quality"]["deployment"]["endpoint_config_name"]
    with pytest.raises(EndpointBusy):
        second.take_turn()


def test_a_run_that_fails_while_it_waits_does_not_wait_for_the_holders_update(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = start(account).until_registered(), start(account).until_registered()
    first.take_turn()
    first.deploy()
    updating = Endpoint("stratos-tiles", account.endpoint_config(), "Updating")
    monkeypatch.setattr("lambdas.aws.sagemaker.find_endpoint", lambda *_: updating)
    monkeypatch.setattr(leftovers, "PATIENCE_SECONDS", -1)
    cleaned = call(clean_up.handler, run=second.run, failure=_FAILURE)
    assert (cleaned["deleted"], cleaned["restored_endpoint"]) == ([], None)
    with pytest.raises(EndpointUnsettled):  # as the holder has to
        call(clean_up.handler, run=first.run, failure=_FAILURE)


def test_a_promoted_run_gives_its_turn_back_even_if_it_failed_right_after(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = start(account).until_registered(), start(account).until_registered()
    first.take_turn()
    first.deploy()
    with monkeypatch.context() as patched:
        patched.setattr("lambdas.serving.turns.give_back", _fail)
        with pytest.raises(RuntimeError):
            first.promote()
    call(clean_up.handler, run=first.run, failure=_FAILURE)
    assert second.take_turn()["previous_config_name"] == account.endpoint_config()


def test_a_turn_is_not_taken_over_before_the_leftovers_of_its_run_are_taken_back(
    account: Account,
) -> None:
    first, second = start(account).until_registered(), start(account).until_registered()
    first.take_turn()
    first.deploy()
    runs_table.update(first.run.run_id, status="stopped")
    with pytest.raises(EndpointBusy, match=f"run {first.run.run_id} has ended, but what it left"):
        second.take_turn()
    call(clean_up.handler, run=first.run, failure=_FAILURE)
    second.take_turn()


def test_two_that_ask_at_once_do_not_both_get_it(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = start(account).until_registered(), start(account).until_registered()
    looked = runs_table.client("dynamodb").get_item

    def look_before_the_other(**request: Any) -> Any:
        found = looked(**request)
        if "holder" not in json.dumps(found) and request["Key"]["run_id"]["S"].startswith("turn/"):
            patched.undo()
            first.take_turn()
        return found

    with monkeypatch.context() as patched:
        patched.setattr(runs_table.client("dynamodb"), "get_item", look_before_the_other)
        with pytest.raises(EndpointBusy):
            second.take_turn()


def test_a_run_that_is_cleaned_up_before_it_has_its_turn_does_not_keep_it(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped, following = start(account).until_registered(), start(account).until_registered()
    looked = turns.holder_of

    def clean_up_before(endpoint_name: str) -> str | None:
        found = looked(endpoint_name)
        patched.undo()
        call(clean_up.handler, run=stopped.run, failure=_FAILURE)
        return found

    with monkeypatch.context() as patched:
        patched.setattr(turns, "holder_of", clean_up_before)
        with pytest.raises(EndpointBusy, match=f"run {stopped.run.run_id} was given up"):
            stopped.take_turn()
    following.take_turn()


def _fail(*_: object) -> None:
    raise RuntimeError("lost")
