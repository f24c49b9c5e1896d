"""How fleets follow their traffic."""

from __future__ import annotations

import pytest

from tests.unit.stratos.hosting.deployments import LULLS, bounds, deployment


def test_a_component_is_woken_by_its_refusals_and_scaled_by_its_requests():
    built = deployment(count=2, hosting={"mode": "scale_to_zero", "max_instances": 4}, load=LULLS)
    assert bounds(built) == (0, 4)
    assert built.scaling is not None
    tracking, wake = built.scaling.policies
    value = tracking["TargetTrackingScalingPolicyConfiguration"]["TargetValue"]
    assert value == pytest.approx(60 * 5 / 2)
    assert wake["PolicyType"] == "StepScaling"
    assert wake["ResourceId"] == f"inference-component/{built.endpoint_name}"
    assert built.scaling.wake_alarm is not None
    assert built.scaling.wake_alarm["MetricName"] == "NoCapacityInvocationFailures"


def test_a_fleet_under_steady_traffic_keeps_its_size():
    assert bounds(deployment(count=3)) is None


def test_a_fleet_shrinks_in_lulls_and_grows_as_far_as_the_spec_allows():
    assert bounds(deployment(count=3, load=LULLS)) == (1, 3)
    assert bounds(deployment(count=3, load=LULLS, hosting={"max_instances": 6})) == (1, 6)
    assert bounds(deployment(count=1, hosting={"max_instances": 4})) == (1, 4)
    assert bounds(deployment(count=1, load=LULLS)) is None


def test_a_fleet_is_scaled_by_the_traffic_that_each_instance_was_planned_for():
    built = deployment(count=2, load=LULLS)
    assert built.scaling is not None
    (policy,) = built.scaling.policies
    tracking = policy["TargetTrackingScalingPolicyConfiguration"]
    assert tracking["TargetValue"] == pytest.approx(60 * 5 / 2)
    metric = tracking["PredefinedMetricSpecification"]["PredefinedMetricType"]
    assert metric == "SageMakerVariantInvocationsPerInstance"
