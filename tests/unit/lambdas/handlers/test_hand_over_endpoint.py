"""An endpoint of another region is given to that region, once."""

from __future__ import annotations

from typing import Any

import pytest

from lambdas.handlers import hand_over_endpoint
from stratos.contracts.bucket import RunKeys
from stratos.errors import HandedOverBefore
from stratos.pipeline.region_endpoints import WorkerEndpoint
from tests.unit.lambdas.conftest import Account
from tests.unit.lambdas.handing_over import states
from tests.unit.lambdas.pipeline import call
from tests.unit.lambdas.standing_endpoint import NAME, worker_endpoint
from tests.unit.lambdas.two_regions import AWAY

__all__ = ["states"]


def hand(token: str, **changes: Any) -> str:
    asked = worker_endpoint()
    staged = asked.staged.model_copy(update=changes)
    given = {"run": asked.run, "staged": staged, "task_token": token}
    return str(call(hand_over_endpoint.handler, **given)["execution_arn"])


def test_an_endpoint_is_given_to_the_machine_of_its_region_under_its_own_name(
    account: Account, states: Any
) -> None:
    arn = hand("token")
    assert arn.endswith(f":stratos-worker:{NAME}")
    worker = WorkerEndpoint.model_validate_json(
        states.describe_execution(executionArn=arn)["input"]
    )
    assert worker.home.task_token == "token"
    assert account.read(worker.home.token_key or "") == b"token"


def test_a_call_whose_answer_was_lost_is_made_again_by_another_token_and_answers_the_same(
    account: Account, states: Any
) -> None:
    first = hand("first")
    assert hand("second") == first
    assert states.describe_execution(executionArn=first)["status"] == "RUNNING"
    key = RunKeys(worker_endpoint().run.run_id).token_of(NAME, AWAY)
    assert account.read(key) == b"second"


def test_an_execution_that_has_ended_or_is_of_another_endpoint_is_not_taken_for_it(
    account: Account, states: Any
) -> None:
    first = hand("first")
    with pytest.raises(HandedOverBefore):
        hand("second", beyond_ms=7.0)
    assert states.describe_execution(executionArn=first)["status"] == "ABORTED"
    with pytest.raises(HandedOverBefore):
        hand("third")
