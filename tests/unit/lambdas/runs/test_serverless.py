"""Models that are served without a server of their own, and what follows where that is too slow."""

from __future__ import annotations

from typing import Any

import pytest

from stratos.contracts.bucket import RunKeys
from tests import factories
from tests.fakes import FakeRuntime
from tests.unit.lambdas.conftest import Account
from tests.unit.lambdas.pipeline import Pipeline, first_type, start

SERVERLESS: dict[str, Any] = {
    "hosting": {"max_cold_start_seconds": 40},
    "load": {"requests_per_second": 5, "mean_requests_per_second": 0.001, "measure_seconds": 2},
}
"""Serverless is the cheapest that this traffic allows."""
CHEAPEST: dict[str, Any] = {"preferences": {"accuracy": 0, "latency": 0, "time": 0, "cost": 1}}
TWO_STUDENTS: dict[str, Any] = {"students": [{"path": "models/student"}, {"path": "models/other"}]}

pytestmark = pytest.mark.usefixtures("slow")


def deployed(account: Account, **sections: Any) -> Pipeline:
    for name, content in factories.model_files(32, 3).items():
        account.put(f"specs/tiles/models/other/{name}", content)
    pipeline = start(account, **{**SERVERLESS, **CHEAPEST, **sections}).until_deployed()
    assert pipeline.state["quality"]["deployment"]["hosting"]["mode"] == "serverless"
    return pipeline


def test_a_serverless_model_that_is_too_slow_moves_to_the_server_of_its_plan(
    account: Account,
) -> None:
    pipeline = deployed(account)
    first = pipeline.state["quality"]["deployment"]
    measured = pipeline.measure()
    assert not measured["passed"]
    second = pipeline.next_server()
    match = pipeline.state["match"]
    assert second["hosting"]["mode"] == "realtime"
    assert first_type(second) == match["serving"]["instance_type"]
    assert second["container"]["ModelDataUrl"] == first["container"]["ModelDataUrl"]
    assert (second["replaces_live"], second["guardrails"]) == (True, None)
    assert (second["previous_config_name"], measured["next_attempt"]) == (None, None)
    assert "serverless missed the load" in second["hosting"]["reason"]


def test_what_follows_it_is_judged_by_what_its_server_measured(account: Account) -> None:
    pipeline = deployed(account)
    while (measured := pipeline.measure())["deployment"]:
        pipeline.next_server()
    assert "the front has no better server for it" in measured["reason"]
    kept = pipeline.measurements()
    assert [item.mode for item in kept] == ["serverless", "realtime", "realtime"]
    assert [item.plan.hosting.mode for item in kept] == ["serverless", "realtime", "realtime"]
    assert kept[-1].plan.serving.instance_type == "ml.local.cpu2"
    slots = [item.plan.engine.slots for item in kept if item.plan.engine]
    assert (slots[0], min(slots[1:]) > 1) == (1, True)


def test_a_model_that_the_spec_wants_serverless_gives_way_to_the_next_student(
    account: Account,
) -> None:
    measured = deployed(account, hosting={"mode": "serverless"}, **TWO_STUDENTS).measure()
    assert (measured["deployment"], measured["next_attempt"]) == (None, 1)
    assert "the spec asks for serverless hosting; next: " in measured["reason"]


def test_an_endpoint_in_service_keeps_its_kind(account: Account) -> None:
    pipeline = deployed(account, **TWO_STUDENTS)
    pipeline.state["quality"]["deployment"]["previous_config_name"] = "another-run"
    measured = pipeline.measure()
    assert (measured["deployment"], measured["next_attempt"]) == (None, 1)
    assert "the endpoint in service is serverless and keeps its kind" in measured["reason"]


def test_a_server_dearer_than_the_spec_allows_is_not_moved_to(account: Account) -> None:
    pipeline = deployed(account, **TWO_STUDENTS)
    key = RunKeys(pipeline.run.run_id).spec
    limits = {"max_p95_latency_ms": 60000, "max_hosting_usd_per_month": 0.01}
    spec = factories.spec(constraints=limits, **SERVERLESS, **CHEAPEST, **TWO_STUDENTS)
    account.put(key, spec.model_dump_json())
    measured = pipeline.measure()
    assert (measured["deployment"], measured["next_attempt"]) == (None, 1)
    assert "exceed max_hosting_usd_per_month" in measured["reason"]


def test_as_many_containers_are_woken_before_measuring_as_the_endpoint_may_have(
    account: Account, runtime: FakeRuntime
) -> None:
    pipeline = deployed(account)
    allowed = pipeline.state["quality"]["deployment"]["hosting"]["max_concurrency"]
    pipeline.measure()
    in_order = [request["Body"]["max_tokens"] for request in runtime.requests]
    assert allowed > 1
    assert in_order.index(1) == allowed  # of the pace, which is measured next
