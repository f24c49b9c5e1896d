"""Runs of one spec share an endpoint, and take turns to change it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lambdas.aws import executions, runs_table
from lambdas.aws.sagemaker import Endpoint
from lambdas.handlers import clean_up, sweep, take_turn
from lambdas.serving import clean_up_retries, leftovers
from stratos.errors import EndpointBusy, EndpointUnsettled
from tests.unit.lambdas.conftest import Account
from tests.unit.lambdas.pipeline import Pipeline, call, start

_FAILURE = {"Error": "GateError", "Cause": ""}


def ready(account: Account) -> Pipeline:
    """A run whose model is registered and has yet to go to its endpoint."""
    pipeline = start(account).until_matched()
    pipeline.work()
    pipeline.check()
    pipeline.register()
    return pipeline


def config_of(account: Account) -> str:
    found = account.client("sagemaker").describe_endpoint(EndpointName="stratos-tiles")
    return str(found["EndpointConfigName"])


def test_the_second_waits_until_the_first_is_promoted_and_then_replaces_it(
    account: Account,
) -> None:
    first, second = ready(account), ready(account)
    first.take_turn()
    first.deploy()
    with pytest.raises(EndpointBusy, match=f"run {first.run.run_id} is changing endpoint"):
        second.take_turn()
    first.promote()
    taken = second.take_turn()
    assert (taken["replaces_live"], taken["previous_config_name"]) == (True, config_of(account))
    second.deploy()
    second.promote()
    assert "endpoint_name" not in account.row(first.run.run_id)
    assert account.row(second.run.run_id)["endpoint_name"] == "stratos-tiles"


def test_a_run_may_ask_again_for_the_turn_it_has(account: Account) -> None:
    pipeline = ready(account)
    first, again = pipeline.take_turn(), pipeline.take_turn()
    assert again["endpoint_config_name"] == first["endpoint_config_name"]


def test_a_run_that_fails_gives_its_turn_back_once_the_endpoint_is_as_it_was(
    account: Account,
) -> None:
    first, second = ready(account), ready(account)
    first.take_turn()
    first.deploy()
    call(clean_up.handler, run=first.run, failure=_FAILURE)
    assert second.take_turn()["replaces_live"] is False


def test_what_a_run_without_the_turn_cleans_up_is_not_the_holders(account: Account) -> None:
    first, second = ready(account), ready(account)
    first.take_turn()
    first.deploy()
    call(clean_up.handler, run=second.run, failure=_FAILURE)
    assert config_of(account) == first.state["quality"]["deployment"]["endpoint_config_name"]
    with pytest.raises(EndpointBusy):
        second.take_turn()


def test_a_run_that_fails_while_it_waits_does_not_wait_for_the_holders_update(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = ready(account), ready(account)
    first.take_turn()
    first.deploy()
    updating = Endpoint("stratos-tiles", config_of(account), "Updating")
    monkeypatch.setattr("lambdas.aws.sagemaker.find_endpoint", lambda _: updating)
    monkeypatch.setattr(leftovers, "PATIENCE_SECONDS", -1)
    cleaned = call(clean_up.handler, run=second.run, failure=_FAILURE)
    assert (cleaned["deleted"], cleaned["restored_endpoint"]) == ([], None)
    with pytest.raises(EndpointUnsettled):  # as the holder has to
        call(clean_up.handler, run=first.run, failure=_FAILURE)


def test_a_promoted_run_gives_its_turn_back_even_if_it_failed_right_after(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = ready(account), ready(account)
    first.take_turn()
    first.deploy()
    with monkeypatch.context() as patched:
        patched.setattr("lambdas.serving.turns.give_back", _fail)
        with pytest.raises(RuntimeError):
            first.promote()
    call(clean_up.handler, run=first.run, failure=_FAILURE)
    assert second.take_turn()["previous_config_name"] == config_of(account)


def test_a_turn_is_not_taken_over_before_the_leftovers_of_its_run_are_taken_back(
    account: Account,
) -> None:
    first, second = ready(account), ready(account)
    first.take_turn()
    first.deploy()
    runs_table.update(first.run.run_id, status="stopped")
    with pytest.raises(EndpointBusy, match=f"run {first.run.run_id} is over, and what it left"):
        second.take_turn()
    call(clean_up.handler, run=first.run, failure=_FAILURE)
    second.take_turn()


def ended(account: Account) -> dict[str, Any]:
    return {"detail": {"executionArn": account.execution_arn, "status": "ABORTED"}}


@pytest.fixture
def asked(account: Account, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Events that CleanUp is asynchronously called with."""
    events: list[dict[str, Any]] = []

    def invoke(**request: Any) -> None:
        assert (request["FunctionName"], request["InvocationType"]) == ("stratos-clean-up", "Event")
        events.append(json.loads(request["Payload"]))

    monkeypatch.setattr(runs_table.client("lambda"), "invoke", invoke)
    return events


def stopped_in_its_turn(account: Account, monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    """A run whose endpoint did not settle while the event of its end had CleanUp called."""
    first = ready(account)
    first.take_turn()
    first.deploy()
    account.client("stepfunctions").stop_execution(executionArn=account.execution_arn)
    with monkeypatch.context() as patched:
        updating = Endpoint("stratos-tiles", config_of(account), "Updating")
        patched.setattr("lambdas.aws.sagemaker.find_endpoint", lambda _: updating)
        patched.setattr(leftovers, "PATIENCE_SECONDS", -1)
        with pytest.raises(EndpointUnsettled):
            call(clean_up.handler, event=ended(account))
    return first


def test_a_stopped_run_is_over_though_what_it_left_could_not_be_taken_back(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = stopped_in_its_turn(account, monkeypatch)
    assert account.row(first.run.run_id)["status"] == "stopped"
    assert len(account.notices()) == 1
    call(clean_up.handler, event=ended(account))
    assert account.notices() == []  # told once


def test_the_sweeper_has_clean_up_called_again_once_the_tries_of_the_event_are_over(
    account: Account, asked: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped_in_its_turn(account, monkeypatch)
    monkeypatch.setattr("lambdas.serving.inventory.resources", list)
    call(sweep.handler)
    assert asked == []  # that may still be at it
    monkeypatch.setattr(clean_up_retries, "TRIES", timedelta())
    call(sweep.handler, dry_run=True)
    assert asked == []
    call(sweep.handler)
    (event,) = asked
    call(clean_up.handler, **event)
    assert account.client("sagemaker").list_endpoints()["Endpoints"] == []
    ready(account).take_turn()


def test_a_turn_is_free_after_the_sweeper_has_tried(
    account: Account, asked: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = stopped_in_its_turn(account, monkeypatch), ready(account)
    later = datetime.now(UTC) + clean_up_retries.TRIES
    assert clean_up_retries.retry(later) == []
    assert clean_up_retries.retry(later) == []  # CleanUp is at it
    assert len(asked) == 1
    with pytest.raises(EndpointBusy, match=first.run.run_id):
        second.take_turn()
    clean_up_retries.retry(later + clean_up_retries.TRIES)
    second.take_turn()
    assert len(asked) == 1


def test_the_turn_of_a_run_that_goes_on_is_left_to_it(
    account: Account, asked: list[dict[str, Any]]
) -> None:
    first, second = ready(account), ready(account)
    first.take_turn()
    assert executions.end_of(account.execution_arn) is None
    for days in (1, 2):
        assert clean_up_retries.retry(datetime.now(UTC) + timedelta(days=days)) == []
    assert asked == []
    with pytest.raises(EndpointBusy):
        second.take_turn()


def test_two_that_ask_at_once_do_not_both_get_it(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = ready(account), ready(account)
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


def test_an_endpoint_that_sagemaker_still_changes_is_waited_for(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = ready(account)
    deleting = Endpoint("stratos-tiles", "some-config", "Deleting")
    with monkeypatch.context() as patched:
        patched.setattr(take_turn, "find_endpoint", lambda _: deleting)
        with pytest.raises(EndpointBusy, match="stratos-tiles is Deleting"):
            pipeline.take_turn()
    assert pipeline.take_turn()["replaces_live"] is False


def test_turns_are_not_listed_as_runs(account: Account) -> None:
    pipeline = ready(account)
    pipeline.take_turn()
    assert [row.run_id for row in runs_table.all_runs()] == [pipeline.run.run_id]


def _fail(*_: object) -> None:
    raise RuntimeError("lost")
