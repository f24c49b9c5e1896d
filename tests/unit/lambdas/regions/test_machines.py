"""A worker region's state machine as home sees it."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from lambdas.regions import machines
from lambdas.regions.machines import WorkerMachine
from lambdas.serving.leftovers import remove_leftovers
from stratos.errors import HandedOverBefore, RegionUnreachable
from tests.unit.lambdas.conftest import Account
from tests.unit.lambdas.handing_over import hand, handed_over
from tests.unit.lambdas.two_regions import AWAY


def test_a_message_that_comes_twice_is_one_execution(account: Account, states: Any) -> None:
    payload = handed_over()
    assert hand(payload) == hand(payload)
    listed = states.list_executions(stateMachineArn=WorkerMachine(AWAY).arn)["executions"]
    assert len(listed) == 1


def test_an_execution_with_another_token_is_stopped_since_nobody_waits_for_it(
    account: Account, states: Any
) -> None:
    arn = hand(handed_over())["execution_arn"]
    with pytest.raises(HandedOverBefore, match="needs another name"):
        hand(handed_over("another"))
    assert states.describe_execution(executionArn=arn)["status"] == "ABORTED"


def test_a_region_that_hangs_while_it_is_asked_for_an_earlier_call_is_unreachable(
    account: Account, states: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    payload = handed_over()
    arn = hand(payload)["execution_arn"]

    class Hangs:
        def start_execution(self, **given: Any) -> Any:
            error = {"Code": "ExecutionAlreadyExists", "Message": arn}
            raise ClientError({"Error": error}, "StartExecution")

        def describe_execution(self, **given: Any) -> Any:
            raise ReadTimeoutError(endpoint_url=f"https://states.{AWAY}.amazonaws.com")

    monkeypatch.setattr(machines, "client", lambda *_: Hangs())
    with pytest.raises(RegionUnreachable, match=f"{AWAY} did not take"):
        hand(handed_over("another"))


def test_cleaning_up_ends_a_job_of_another_region(
    account: Account, states: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped: list[tuple[str, str | None]] = []
    monkeypatch.setattr(
        "lambdas.aws.sagemaker.stop_job",
        lambda name, region=None: stopped.append((name, region)),
    )
    payload = handed_over()
    arn = hand(payload)["execution_arn"]
    assert remove_leftovers(payload.run).stopped_jobs == [payload.job.name]
    assert states.describe_execution(executionArn=arn)["status"] == "ABORTED"
    assert stopped == [(payload.job.name, AWAY)]


SILENT = EndpointConnectionError(endpoint_url=f"https://states.{AWAY}.amazonaws.com")
DENIED = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "Describe")


@pytest.mark.parametrize("error", [SILENT, DENIED])
def test_a_region_that_is_out_of_reach_is_asked_once_and_keeps_nothing_from_being_cleaned(
    account: Account, states: Any, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    payload = handed_over()
    for name in ("tiles-0123abcd-distill-a0-0", "tiles-0123abcd-distill-a0-1"):
        hand(payload.model_copy(update={"job": payload.job.model_copy(update={"name": name})}))
    asked: list[str | None] = []

    def refused(service: str, region: str | None = None) -> Any:
        asked.append(region)
        raise error

    monkeypatch.setattr(machines, "client", refused)
    assert remove_leftovers(payload.run).stopped_jobs == []
    assert asked == [AWAY]
