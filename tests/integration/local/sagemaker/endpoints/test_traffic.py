"""An endpoint is updated, and rolled back, while clients ask it without a pause."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError
from endpoint_models import DIES, create_config, describe, invoke, settled
from sagemaker_cloud import Cloud, running_cloud

from infra.local.sagemaker.endpoints.endpoint_processes import EndpointProcesses
from stratos.hosting.guardrails import Guardrails, guardrails
from tests.patience import eventually

CLIENTS = 6


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    state_dir = tmp_path_factory.mktemp("state")
    with running_cloud([EndpointProcesses()], state_dir, rollout_scale=0.004) as running:
        yield running


class Load:
    """What constant traffic saw."""

    def __init__(self) -> None:
        self.answers: Counter[str] = Counter()
        self.failures: list[str] = []
        self._lock = threading.Lock()

    def note(self, answer: str | None, failure: str | None = None) -> None:
        with self._lock:
            if answer is not None:
                self.answers[answer] += 1
            if failure is not None:
                self.failures.append(failure)

    def at_least(self, answer: str, count: int) -> None:
        eventually(lambda: self.answers[answer], lambda seen: seen >= count)


@contextmanager
def constant_load(cloud: Cloud, name: str) -> Iterator[Load]:
    """Clients that each send the next request once the last is answered, and never twice."""
    load, over = Load(), threading.Event()
    runtime = cloud.client("sagemaker-runtime", max_pool_connections=CLIENTS)

    def ask() -> None:
        while not over.is_set():
            try:
                response = runtime.invoke_endpoint(EndpointName=name, Body=b"{}")
                load.note(_answer_in(response["Body"].read()))
            except Exception as error:
                load.note(None, repr(error))

    threads = [threading.Thread(target=ask) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _answer_in(body: bytes) -> str:
    return body.partition(b'"answer": "')[2].partition(b'"')[0].decode()


@pytest.fixture(scope="module", autouse=True)
def endpoint(cloud: Cloud) -> None:
    create_config(cloud, "v0", InitialInstanceCount=2)
    cloud.sagemaker.create_endpoint(EndpointName="busy", EndpointConfigName="v0")
    assert settled(cloud, "busy")["EndpointStatus"] == "InService"


def guard(cloud: Cloud, config: str, max_p95_latency_ms: float | None = None) -> Guardrails:
    """The guardrails that a run would set up, with their alarms in place."""
    built = guardrails(
        "busy",
        config,
        "main",
        num_instances=2,
        startup_seconds=60,
        max_p95_latency_ms=max_p95_latency_ms,
    )
    for alarm in built.alarms:
        cloud.client("cloudwatch").put_metric_alarm(**alarm)
    return built


def update(cloud: Cloud, config: str, held_by: Guardrails) -> dict[str, Any]:
    cloud.sagemaker.update_endpoint(
        EndpointName="busy",
        EndpointConfigName=config,
        DeploymentConfig=held_by.deployment_config,
    )
    return settled(cloud, "busy")


def in_service(cloud: Cloud) -> str:
    return str(describe(cloud, "busy")["EndpointConfigName"])


def test_no_request_fails_while_a_new_model_takes_over_by_canary(cloud):
    before = in_service(cloud)
    create_config(cloud, "v1", InitialInstanceCount=2)
    held_by = guard(cloud, "v1", max_p95_latency_ms=30_000)
    with constant_load(cloud, "busy") as load:
        load.at_least(before, 5)
        described = update(cloud, "v1", held_by)
        already = load.answers["v1"]
        load.at_least("v1", already + 20)
    assert described["EndpointConfigName"] == "v1"
    assert described["LastDeploymentConfig"] == held_by.deployment_config
    assert load.failures == []
    assert set(load.answers) == {before, "v1"}
    assert {invoke(cloud, "busy")["Body"]["answer"] for _ in range(5)} == {"v1"}


def test_no_request_fails_while_a_model_that_cannot_start_is_rolled_back(cloud):
    before = in_service(cloud)
    create_config(cloud, "dies", program=DIES, InitialInstanceCount=2)
    with constant_load(cloud, "busy") as load:
        load.at_least(before, 5)
        described = update(cloud, "dies", guard(cloud, "dies"))
        load.at_least(before, load.answers[before] + 10)
    assert described["EndpointStatus"] == "InService"
    assert described["EndpointConfigName"] == before
    assert "no weights in the model directory" in described["FailureReason"]
    assert load.failures == []
    assert set(load.answers) == {before}


def test_no_request_fails_while_a_model_that_is_too_slow_is_rolled_back(cloud):
    before = in_service(cloud)
    create_config(cloud, "slow", environment={"PAUSE_SECONDS": "0.4"}, InitialInstanceCount=2)
    with constant_load(cloud, "busy") as load:
        load.at_least(before, 5)
        described = update(cloud, "slow", guard(cloud, "slow", max_p95_latency_ms=100))
        load.at_least(before, load.answers[before] + 10)
    assert described["EndpointConfigName"] == before
    assert "slow-latency went into alarm" in described["FailureReason"]
    assert load.failures == []
    assert load.answers["slow"] > 0
    assert {invoke(cloud, "busy")["Body"]["answer"] for _ in range(5)} == {before}


def test_a_model_that_answers_with_errors_hurts_the_canary_only_and_is_rolled_back(cloud):
    before = in_service(cloud)
    create_config(cloud, "errs", environment={"BROKEN": "1"}, InitialInstanceCount=2)
    with constant_load(cloud, "busy") as load:
        load.at_least(before, 5)
        described = update(cloud, "errs", guard(cloud, "errs"))
        hurt = len(load.failures)
        load.at_least(before, load.answers[before] + 30)
    assert described["EndpointConfigName"] == before
    assert "errs-errors went into alarm while the new fleet had 50%" in described["FailureReason"]
    assert hurt > 0
    assert all("out of memory" in failure for failure in load.failures)
    assert len(load.failures) - hurt <= CLIENTS  # those under way when it was rolled back


def test_an_update_that_names_an_alarm_which_is_not_there_is_refused(cloud):
    create_config(cloud, "unwatched", InitialInstanceCount=2)
    built = guardrails(
        "busy", "unwatched", "main", num_instances=2, startup_seconds=60, max_p95_latency_ms=None
    )
    with pytest.raises(ClientError, match="Could not find alarm unwatched-errors"):
        update(cloud, "unwatched", built)
    assert describe(cloud, "busy")["EndpointStatus"] == "InService"


def test_a_canary_of_more_than_half_of_the_fleet_is_refused(cloud):
    create_config(cloud, "alone")
    with pytest.raises(ClientError, match="at most 50%"):
        update(cloud, "alone", guard(cloud, "alone"))


def test_deleting_during_a_canary_ends_both_fleets(cloud):
    create_config(cloud, "first", InitialInstanceCount=2)
    create_config(cloud, "second", InitialInstanceCount=2)
    cloud.sagemaker.create_endpoint(EndpointName="brief", EndpointConfigName="first")
    settled(cloud, "brief")
    held_by = guard(cloud, "second").deployment_config
    policy = held_by["BlueGreenUpdatePolicy"]
    policy["TrafficRoutingConfiguration"]["WaitIntervalInSeconds"] = 3600
    cloud.sagemaker.update_endpoint(
        EndpointName="brief", EndpointConfigName="second", DeploymentConfig=held_by
    )
    answers = eventually(
        lambda: {invoke(cloud, "brief")["Body"]["answer"] for _ in range(8)},
        lambda seen: seen == {"first", "second"},
    )
    assert answers == {"first", "second"}
    cloud.sagemaker.delete_endpoint(EndpointName="brief")
    with pytest.raises(ClientError, match="not found"):
        invoke(cloud, "brief")
    state_dir = cloud.settings.state_dir / "endpoints" / "brief"
    eventually(lambda: list(state_dir.glob("*/*/opt-ml")), lambda left: left == [])
