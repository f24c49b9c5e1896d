"""How a new model takes over an endpoint."""

from __future__ import annotations

from typing import Any

import pytest

from stratos.hosting.deployment import Deployment
from stratos.hosting.guardrails import BAKE_SECONDS, guardrails, run_of_alarm
from stratos.hosting.names import VARIANT
from stratos.units import GIB
from tests.unit.stratos.hosting.deployments import deployment


def routing(built: Deployment) -> dict[str, Any]:
    assert built.guardrails is not None
    policy = built.guardrails.deployment_config["BlueGreenUpdatePolicy"]
    found: dict[str, Any] = policy["TrafficRoutingConfiguration"]
    return found


@pytest.mark.parametrize("count", [2, 3, 8])
def test_a_fleet_is_updated_by_a_canary_of_at_most_half_of_it(count):
    found = routing(deployment(count=count))
    assert found["Type"] == "CANARY"
    assert found["WaitIntervalInSeconds"] == BAKE_SECONDS
    assert found["CanarySize"]["Type"] == "INSTANCE_COUNT"
    assert found["CanarySize"]["Value"] / count <= 0.5


def test_one_instance_takes_over_at_once_and_is_watched_while_the_old_one_stands_by():
    built = deployment(count=1)
    assert routing(built) == {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
    assert built.guardrails is not None
    policy = built.guardrails.deployment_config["BlueGreenUpdatePolicy"]
    assert policy["TerminationWaitInSeconds"] == BAKE_SECONDS


def test_an_update_may_take_longer_than_its_waits_and_its_start_together():
    built = deployment("ml.g5.12xlarge", count=2, artifact_bytes=30 * GIB)
    assert built.guardrails is not None
    policy = built.guardrails.deployment_config["BlueGreenUpdatePolicy"]
    variant = built.production_variant
    assert policy["MaximumExecutionTimeoutInSeconds"] > (
        variant["ModelDataDownloadTimeoutInSeconds"]
        + variant["ContainerStartupHealthCheckTimeoutInSeconds"]
        + 2 * BAKE_SECONDS
    )


def test_an_alarm_names_the_run_whose_update_it_watches():
    for suffix in ("", "-s2"):
        built = guardrails(
            "stratos-tiles",
            f"stratos-tiles-a1-0123abcd-a0{suffix}",
            "v",
            num_instances=1,
            startup_seconds=60,
            max_p95_latency_ms=500,
        )
        runs = {run_of_alarm(alarm["AlarmName"]) for alarm in built.alarms}
        assert runs == {"tiles-a1-0123abcd"}
    assert run_of_alarm("stratos-tiles-backlog") is None


def test_alarms_watch_the_new_fleet_for_errors_and_for_the_latency_asked():
    built = deployment(constraints={"max_p95_latency_ms": 750})
    assert built.guardrails is not None
    errors, latency = built.guardrails.alarms
    for alarm in (errors, latency):
        (query,) = alarm["Metrics"]
        dimensions = {d["Name"]: d["Value"] for d in query["MetricStat"]["Metric"]["Dimensions"]}
        assert dimensions == {
            "EndpointName": built.endpoint_name,
            "VariantName": VARIANT,
            "EndpointConfigName": built.endpoint_config_name,
        }
    watched = errors["Metrics"][0]["MetricStat"]
    assert (watched["Metric"]["MetricName"], watched["Stat"]) == ("Invocation5XXErrors", "Average")
    watched = latency["Metrics"][0]["MetricStat"]
    assert (watched["Metric"]["MetricName"], watched["Stat"]) == ("ModelLatency", "p95")
    assert latency["Threshold"] == 750_000
    named = built.guardrails.deployment_config["AutoRollbackConfiguration"]["Alarms"]
    assert [a["AlarmName"] for a in named] == [errors["AlarmName"], latency["AlarmName"]]


def test_without_a_latency_constraint_only_errors_roll_back():
    built = deployment(constraints={})
    assert built.guardrails is not None
    assert len(built.guardrails.alarms) == 1
