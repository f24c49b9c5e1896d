"""The states that create or update an endpoint."""

from __future__ import annotations

import json

from infra.states.definition_reader import caught_by, next_states
from stratos.hosting.guardrails import guardrails
from stratos.hosting.names import VARIANT
from stratos.hosting.scaling import scalable_target


def test_an_update_waits_for_scaling_that_began_before_it(states):
    assert next_states(states["IsEndpointLive"]) == ["StopScaling", "CreateEndpoint"]
    assert all(waits_where_refused(states[name]) for name in ("UpdateEndpoint", "UpdateUnguarded"))


def test_an_endpoint_is_created_once_a_failed_one_of_its_name_is_gone(states):
    assert waits_where_refused(states["CreateEndpoint"])
    assert not waits_where_refused(states["CreateModel"])


def waits_where_refused(state):
    return ["SageMaker.SageMakerException"] in [r["ErrorEquals"] for r in state["Retry"]]


def test_nothing_scales_an_endpoint_while_it_is_updated_and_measured(states):
    stop = states["StopScaling"]
    assert next_states(stop) == ["IsGuarded"]
    assert caught_by(stop)["ApplicationAutoScaling.ObjectNotFoundException"] == "IsGuarded"
    named = scalable_target("{}", VARIANT)
    assert stop["Parameters"] == {
        "ResourceId.$": f"States.Format('{named['ResourceId']}', "
        "$.quality.deployment.endpoint_name)",
        "ServiceNamespace": named["ServiceNamespace"],
        "ScalableDimension": named["ScalableDimension"],
    }


def test_alarms_are_put_before_an_update_and_deleted_after_it(states):
    assert next_states(states["IsGuarded"]) == ["PutAlarms", "UpdateUnguarded"]
    assert next_states(states["PutAlarms"]) == ["UpdateEndpoint"]
    assert states["PutAlarms"]["ItemsPath"] == "$.quality.deployment.guardrails.alarms"
    assert "DeploymentConfig.$" in states["UpdateEndpoint"]["Parameters"]
    assert "DeploymentConfig.$" not in states["UpdateUnguarded"]["Parameters"]
    assert next_states(states["WasWatched"]) == ["DeleteAlarms", "MeasureEndpoint"]
    assert next_states(states["DeleteAlarms"]) == ["MeasureEndpoint"]


def test_an_update_waits_longer_than_sagemaker_may_take_over_it(states):
    (limit,) = (
        choice["NumericGreaterThan"]
        for choice in states["IsEndpointServing"]["Choices"]
        if "NumericGreaterThan" in choice
    )
    slowest = guardrails(
        "e", "c", "v", num_instances=2, startup_seconds=7200, max_p95_latency_ms=None
    ).deployment_config["BlueGreenUpdatePolicy"]["MaximumExecutionTimeoutInSeconds"]
    assert limit * (limit + 1) / 2 > slowest


def test_an_endpoint_counts_as_serving_only_with_its_new_configuration(states):
    serving = states["IsEndpointServing"]["Choices"][0]
    assert serving["Next"] == "WasWatched"
    assert {condition["Variable"] for condition in serving["And"]} == {
        "$.endpoint.EndpointStatus",
        "$.endpoint.EndpointConfigName",
    }
    following = [choice["Next"] for choice in states["IsEndpointServing"]["Choices"]]
    assert following[1:] == [
        "WaitLonger",  # too soon: the description may be older than the update
        "EndpointFailed",
        "RolledBack",
        "EndpointNeverReady",
    ]


def test_a_rollback_needs_no_reason(states):
    choices = {choice["Next"]: choice for choice in states["IsEndpointServing"]["Choices"]}
    assert "InService" in {condition["StringEquals"] for condition in choices["RolledBack"]["Or"]}
    assert "FailureReason" not in json.dumps(states["RolledBack"])
    cause = states["EndpointFailed"]["Parameters"]["Cause.$"]
    assert "$.endpoint.FailureReason" in cause
    assert "log group" in cause
