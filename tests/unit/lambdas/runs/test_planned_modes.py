"""The hosting mode of a plan on its way to the endpoint."""

from __future__ import annotations

from typing import Any

import pytest

from lambdas.aws import sagemaker
from lambdas.aws.sagemaker import Endpoint
from tests.unit.lambdas.conftest import Account
from tests.unit.lambdas.pipeline import start

RARE: dict[str, Any] = {
    "load": {
        "requests_per_second": 0.2,
        "mean_requests_per_second": 0.01,
        "active_hours_per_day": 2,
    },
    "hosting": {"max_cold_start_seconds": 60},
    "preferences": {"accuracy": 0, "latency": 0, "time": 0, "cost": 1},
}
"""Traffic that serverless is the cheapest for."""


def test_the_mode_of_the_plan_is_what_is_deployed(account: Account) -> None:
    limits = {"min_accuracy": 0.05, "max_usd_per_1000_requests": 0.5}
    pipeline = start(account, **RARE, constraints=limits).until_planned()
    assert "served on a serverless endpoint" in pipeline.state["candidates"]["summary"]
    pipeline.probe()
    pipeline.match()
    assert pipeline.evidence().plan.hosting.mode == "serverless"
    pipeline.work()
    quality = pipeline.check()
    assert quality["deployment"]["hosting"]["mode"] == "serverless"
    assert "serverless $" in quality["reason"]
    assert "planned as" not in quality["reason"]
    assert pipeline.take_turn()["production_variant"]["ServerlessConfig"]["MemorySizeInMB"] == 2048


def test_the_plan_keeps_the_kind_of_the_endpoint_in_service(account: Account) -> None:
    start(account).until_deployed().promote()
    second = start(account, **RARE).until_matched()
    hosting = second.evidence().plan.hosting
    assert hosting.mode == "realtime"
    assert hosting.reason.startswith("the endpoint in service is realtime, and stays so")


def test_an_endpoint_that_is_being_deleted_binds_no_plan(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    going = Endpoint("stratos-tiles", "config", "Deleting", "realtime")
    monkeypatch.setattr(sagemaker, "find_endpoint", lambda name: going)
    assert start(account, **RARE).until_matched().evidence().plan.hosting.mode == "serverless"


def test_an_endpoint_that_came_while_the_model_was_trained_keeps_its_kind(
    account: Account,
) -> None:
    slower = start(account, **RARE).until_matched()
    start(account).until_deployed().promote()
    slower.work()
    deployment = slower.check()["deployment"]
    assert deployment["hosting"]["mode"] == "realtime"
    assert deployment["hosting"]["reason"].startswith("planned as serverless; the endpoint in")
