"""What `make matrix` does to an execution: the seam of `tests/matrix/struck_server.py`."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from moto_cloud import Cloud, running_cloud
from state_machines import PASS

from infra.local.stepfunctions.executions import StepFunctions
from tests.matrix.orders import Order, Orders, copied
from tests.matrix.struck_server import Strikes
from tests.patience import eventually

LISTING = {
    "Type": "Task",
    "Resource": "arn:aws:states:::aws-sdk:s3:listBuckets",
    "Parameters": {"Prefix.$": "$.asked"},
    "Retry": [{"ErrorEquals": ["S3.SlowDown"], "IntervalSeconds": 1, "MaxAttempts": 1}],
    "Next": "Last",
}
MACHINE = {
    "First": {"Type": "Pass", "Result": {"asked": "a"}, "Next": "List"},
    "List": LISTING,  # its result takes the place of its input
    "Last": PASS,
}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with running_cloud(tmp_path_factory.mktemp("cloud"), StepFunctions(), Strikes()) as running:
        yield running


@pytest.fixture
def orders(cloud: Cloud) -> Iterator[Orders]:
    given = Orders(cloud.settings.state_dir)
    yield given
    given.give({})


def start(cloud: Cloud) -> str:
    definition = {"StartAt": "First", "States": MACHINE}
    machine = cloud.create_state_machine(f"machine-{uuid.uuid4()}", definition)
    started = cloud("stepfunctions").start_execution(stateMachineArn=machine)
    return str(started["executionArn"])


def described(cloud: Cloud, execution_arn: str) -> dict[str, Any]:
    return dict(cloud("stepfunctions").describe_execution(executionArn=execution_arn))


def ended(cloud: Cloud, execution_arn: str) -> dict[str, Any]:
    found = eventually(
        lambda: described(cloud, execution_arn), lambda found: found["status"] != "RUNNING"
    )
    return dict(found)


def entered(cloud: Cloud, execution_arn: str) -> list[str]:
    found = cloud("stepfunctions").get_execution_history(executionArn=execution_arn)
    told = (event.get("stateEnteredEventDetails") for event in found["events"])
    return [str(details["name"]) for details in told if details]


def test_a_run_is_held_at_a_state_until_it_is_released(cloud: Cloud, orders: Orders) -> None:
    orders.give({"List": Order("hold"), "Last": Order("hold")})
    arn = start(cloud)
    for number, state in enumerate(["List", "Last"], start=1):
        assert eventually(orders.struck, lambda struck, n=number: len(struck) == n)[state] == arn
        assert described(cloud, arn)["status"] == "RUNNING"
        assert "Last" not in entered(cloud, arn)
        orders.release(state)
    assert ended(cloud, arn)["status"] == "SUCCEEDED"


def test_of_orders_that_stand_alone_the_first_strikes_and_no_other(
    cloud: Cloud, orders: Orders
) -> None:
    orders.give({state: Order("outlast", alone=True) for state in MACHINE})
    assert ended(cloud, start(cloud))["status"] == "TIMED_OUT"
    assert [*orders.struck()] == ["First"]
    assert ended(cloud, start(cloud))["status"] == "SUCCEEDED"


def test_a_call_fails_once_under_the_name_that_is_ordered(cloud: Cloud, orders: Orders) -> None:
    orders.give({"List": Order("fail", "S3.SlowDown", "too many")})
    assert ended(cloud, start(cloud))["status"] == "SUCCEEDED"
    orders.give({"List": Order("fail", "S3.S3Exception", "refused", after=True)})
    failed = ended(cloud, start(cloud))
    assert (failed["error"], failed["cause"]) == ("S3.S3Exception", "refused")
    assert [*orders.struck()] == ["List"]


def test_a_retry_after_a_result_was_lost_is_given_what_the_first_try_was(
    cloud: Cloud, orders: Orders
) -> None:
    orders.give({"List": Order("fail", "S3.SlowDown", "too late", after=True)})
    assert ended(cloud, start(cloud))["status"] == "SUCCEEDED"
    assert [*orders.struck()] == ["List"]


def test_a_state_finds_other_data_once(cloud: Cloud, orders: Orders) -> None:
    orders.give({"Last": Order("find", data={"$.Buckets": "none"})})
    told = json.loads(ended(cloud, start(cloud))["output"])
    assert told["Buckets"] == "none"
    assert json.loads(ended(cloud, start(cloud))["output"])["Buckets"] == []


def test_what_a_state_finds_may_be_copied_from_what_is_there_with_other_endings(
    cloud: Cloud, orders: Orders
) -> None:
    asked = copied("$.asked", "-a0", "-a0-s1")
    orders.give(
        {
            "First": Order("find", data={"$.asked": ["model-a0", {"from": "a0-run"}]}),
            "Last": Order("find", data={"$.made": [{"of": asked}], "$.same": copied("$.asked")}),
        }
    )
    machine = cloud.create_state_machine(
        f"machine-{uuid.uuid4()}",
        {"StartAt": "First", "States": {"First": {"Type": "Pass", "Next": "Last"}, "Last": PASS}},
    )
    started = cloud("stepfunctions").start_execution(stateMachineArn=machine)
    told = json.loads(ended(cloud, str(started["executionArn"]))["output"])
    assert told["made"] == [{"of": ["model-a0-s1", {"from": "a0-run"}]}]
    assert told["same"] == told["asked"] == ["model-a0", {"from": "a0-run"}]
