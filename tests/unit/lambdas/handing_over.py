"""A worker region's state machine, and a job that is handed over to it."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from lambdas.handlers import hand_over
from lambdas.regions.machines import WorkerMachine
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
