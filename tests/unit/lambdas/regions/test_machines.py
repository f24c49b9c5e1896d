"""A worker region's state machine as home sees it."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError

from lambdas.handlers import hand_over
from lambdas.regions import machines
from lambdas.regions.machines import WorkerMachine
from lambdas.serving.leftovers import remove_leftovers
from stratos.errors import RegionUnreachable
from stratos.pipeline.worker_jobs import HandOverInput
from tests.unit.lambdas.conftest import Account
from tests.unit.lambdas.pipeline import call
from tests.unit.lambdas.two_regions import AWAY, worker_job


@pytest.fixture
def states(account: Account) -> Any:
    """Step Functions of the worker region, with the machine in it."""
    client = boto3.client("stepfunctions", region_name=AWAY)
    machine = client.create_state_machine(
        name="stratos-worker",
        definition='{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}',
        roleArn="arn:aws:iam::123456789012:role/states",
    )
    assert machine["stateMachineArn"] == WorkerMachine(AWAY).arn
    return client


def handed_over(token: str = "token") -> HandOverInput:
    worker = worker_job()
    return HandOverInput(
        run=worker.run, job=worker.job, hyper_parameters={"a": "b"}, task_token=token
    )


def hand(payload: HandOverInput) -> dict[str, Any]:
    return call(hand_over.handler, **dict(payload))


def test_a_message_that_comes_twice_is_one_execution(account: Account, states: Any) -> None:
    payload = handed_over()
    assert hand(payload) == hand(payload)
    listed = states.list_executions(stateMachineArn=WorkerMachine(AWAY).arn)["executions"]
    assert len(listed) == 1


def test_an_execution_with_another_token_is_stopped_since_nobody_waits_for_it(
    account: Account, states: Any
) -> None:
    arn = hand(handed_over())["execution_arn"]
    with pytest.raises(RegionUnreachable, match="needs another name"):
        hand(handed_over("another"))
    assert states.describe_execution(executionArn=arn)["status"] == "ABORTED"


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


def test_a_region_that_does_not_answer_does_not_keep_the_rest_from_being_cleaned(
    account: Account, states: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    payload = handed_over()
    hand(payload)

    def silent(service: str, region: str | None = None) -> Any:
        raise EndpointConnectionError(endpoint_url=f"https://{service}.{region}.amazonaws.com")

    monkeypatch.setattr(machines, "client", silent)
    assert remove_leftovers(payload.run).stopped_jobs == []
