"""What several functions may do alike."""

from __future__ import annotations

import pytest

from tests.infra.policies import actions

SCALING = {
    "application-autoscaling:RegisterScalableTarget",
    "application-autoscaling:DeregisterScalableTarget",
    "application-autoscaling:PutScalingPolicy",
    "cloudwatch:PutMetricAlarm",
    "sagemaker:UpdateEndpointWeightsAndCapacities",
    "sagemaker:UpdateInferenceComponentRuntimeConfig",
}


@pytest.mark.parametrize("role", ["Promote", "CleanUp"])
def test_who_puts_a_model_into_service_or_back_there_may_scale_it(template, role):
    assert actions(template, f"Functions{role}Role") >= SCALING


@pytest.mark.parametrize("role", ["TakeTurn", "MeasureEndpoint"])
def test_who_may_delete_a_failed_endpoint_may_set_no_scaling(template, role):
    found = actions(template, f"Functions{role}Role")
    assert "sagemaker:DeleteEndpoint" in found
    assert "application-autoscaling:PutScalingPolicy" not in found
