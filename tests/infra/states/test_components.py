"""The states that put a model into an inference component."""

from __future__ import annotations

from itertools import pairwise

from infra.states.definition_reader import caught_by, next_states
from stratos.errors import StratosError
from stratos.hosting.components import component_guardrails
from stratos.hosting.scaling import scalable_component
from tests.infra.ways import all_errors


def test_an_endpoint_of_components_is_made_before_its_component(states):
    assert next_states(states["IsComponentLive"]) == [
        "StopComponentScaling",
        "CreateInferenceComponent",
        "CreateComponentConfig",
    ]
    way = ["CreateComponentConfig", "CreateComponentEndpoint", "AwaitEndpoint"]
    way += ["CreateInferenceComponent", "AwaitNewComponent", "MeasureEndpoint"]
    for state, following in pairwise(way):
        assert next_states(states[state]) == [following]
    config = states["CreateComponentConfig"]["Parameters"]
    assert (
        config["ExecutionRoleArn.$"]
        == states["CreateComponentModel"]["Parameters"]["ExecutionRoleArn.$"]
    )
    assert states["AwaitEndpoint"]["Parameters"]["awaits"] == "endpoint"
    assert states["AwaitNewComponent"]["Parameters"]["awaits"] == "model"


def test_a_component_is_updated_with_its_copies_running_under_alarms_and_no_scaling(states):
    way = ["StopComponentScaling", "WakeComponent", "PutComponentAlarms"]
    way += ["UpdateInferenceComponent", "SettleComponent", "AwaitComponent"]
    way += ["DeleteComponentAlarms", "MeasureEndpoint"]
    for state, following in pairwise(way):
        assert next_states(states[state]) == [following]
    stop = states["StopComponentScaling"]
    assert caught_by(stop)["ApplicationAutoScaling.ObjectNotFoundException"] == "WakeComponent"
    named = scalable_component("{}")
    assert named["ResourceId"] in stop["Parameters"]["ResourceId.$"]
    assert stop["Parameters"]["ScalableDimension"] == named["ScalableDimension"]
    update = states["UpdateInferenceComponent"]
    assert "DeploymentConfig.$" in update["Parameters"]
    assert ["SageMaker.SageMakerException"] in [r["ErrorEquals"] for r in update["Retry"]]
    assert states["WakeComponent"]["Parameters"]["awaits"] == "copies"


def test_a_component_is_waited_for_longer_than_sagemaker_may_take_over_it(states):
    slowest = component_guardrails(
        "c", "n", copies=8, startup_seconds=7200, max_p95_latency_ms=None
    ).deployment_config["RollingUpdatePolicy"]["MaximumExecutionTimeoutInSeconds"]
    for state in ("AwaitEndpoint", "AwaitNewComponent", "WakeComponent", "AwaitComponent"):
        (patient,) = [
            r for r in states[state]["Retry"] if r["ErrorEquals"] == ["ComponentNotReady"]
        ]
        assert patient["MaxAttempts"] * patient["MaxDelaySeconds"] > slowest + 600
    assert "ComponentNotReady" in {cls.__name__ for cls in all_errors(StratosError)}
