"""CleanUp is called once more for a run that is over and has its turn still."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lambdas.aws import executions, runs_table
from lambdas.aws.sagemaker import Endpoint
from lambdas.handlers import clean_up, sweep
from lambdas.serving import clean_up_retries, leftovers
from stratos.errors import EndpointBusy, EndpointUnsettled
from tests.unit.lambdas.conftest import Account
from tests.unit.lambdas.pipeline import Pipeline, call, start


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
    first = start(account).until_registered()
    first.take_turn()
    first.deploy()
    account.stop_execution()
    with monkeypatch.context() as patched:
        updating = Endpoint("stratos-tiles", account.endpoint_config(), "Updating")
        patched.setattr("lambdas.aws.sagemaker.find_endpoint", lambda *_: updating)
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
    start(account).until_registered().take_turn()


def test_a_turn_is_free_after_the_sweeper_has_tried(
    account: Account, asked: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = stopped_in_its_turn(account, monkeypatch), start(account).until_registered()
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
    first, second = start(account).until_registered(), start(account).until_registered()
    first.take_turn()
    assert executions.end_of(account.execution_arn) is None
    for days in (1, 2):
        assert clean_up_retries.retry(datetime.now(UTC) + timedelta(days=days)) == []
    assert asked == []
    with pytest.raises(EndpointBusy):
        second.take_turn()
