"""How a fleet grows and shrinks with its traffic: requests to Application Auto Scaling.

https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling.html and, for queues,
https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-autoscale.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stratos.frozen import FrozenModel
from stratos.plan import Server
from stratos.spec import EndpointMode, Spec

_SCALE_OUT_SECONDS, _SCALE_IN_SECONDS = 60, 600
"""Cool-downs: out soon, in only after a lull that lasts."""
_BACKLOG_PER_INSTANCE = 5.0


class Scaling(FrozenModel):
    """What is asked of Application Auto Scaling for one endpoint."""

    target: dict[str, Any]
    """RegisterScalableTarget."""
    policies: list[dict[str, Any]]
    """PutScalingPolicy, one request each."""
    wake_alarm: dict[str, Any] | None = None
    """PutMetricAlarm, whose action is the last policy: something waits and no instance is there."""


def scalable_target(endpoint_name: str, variant_name: str) -> dict[str, str]:
    """What names the instances of a variant, in every request."""
    return {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{endpoint_name}/variant/{variant_name}",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }


def wake_alarm_name(endpoint_name: str) -> str:
    return f"{endpoint_name}-backlog"


def scaling_of(
    spec: Spec, server: Server, mode: EndpointMode, endpoint_name: str, variant_name: str
) -> Scaling | None:
    """Bounds and policies of an endpoint, or None where it keeps its size.

    A real-time fleet goes down to one instance where the traffic has lulls, an asynchronous one to
    none; both go up to the planned fleet, or to `hosting.max_instances`. Serverless endpoints
    scale by themselves.
    """
    if mode == "serverless":
        return None
    ceiling = max(server.count, spec.hosting.max_instances or server.count)
    floor = 0 if mode == "async" else 1 if spec.load.has_lulls else server.count
    if floor == ceiling:
        return None
    named = scalable_target(endpoint_name, variant_name)
    target = {**named, "MinCapacity": floor, "MaxCapacity": ceiling}
    if mode == "realtime":
        per_minute = 60 * spec.load.requests_per_second / server.count
        metric = {
            "PredefinedMetricSpecification": {
                "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"
            }
        }
        return Scaling(
            target=target,
            policies=[_tracking(named, f"{endpoint_name}-requests", per_minute, metric)],
        )
    dimensions = [{"Name": "EndpointName", "Value": endpoint_name}]
    backlog = {
        "CustomizedMetricSpecification": {
            "MetricName": "ApproximateBacklogSizePerInstance",
            "Namespace": "AWS/SageMaker",
            "Dimensions": dimensions,
            "Statistic": "Average",
        }
    }
    wake = {
        **named,
        "PolicyName": f"{endpoint_name}-wake",
        "PolicyType": "StepScaling",
        "StepScalingPolicyConfiguration": {
            "AdjustmentType": "ChangeInCapacity",
            "MetricAggregationType": "Average",
            "Cooldown": 300,
            "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}],
        },
    }
    tracking = _tracking(named, f"{endpoint_name}-backlog", _BACKLOG_PER_INSTANCE, backlog)
    return Scaling(
        target=target,
        policies=[tracking, wake],
        wake_alarm={
            "AlarmName": wake_alarm_name(endpoint_name),
            "AlarmDescription": "Requests wait and no instance is there to answer them",
            "Namespace": "AWS/SageMaker",
            "MetricName": "HasBacklogWithoutCapacity",
            "Dimensions": dimensions,
            "Statistic": "Average",
            "Period": 60,
            "EvaluationPeriods": 2,
            "DatapointsToAlarm": 2,
            "Threshold": 1.0,
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            "TreatMissingData": "missing",
        },
    )


def _tracking(
    named: dict[str, str], policy_name: str, value: float, metric: dict[str, Any]
) -> dict[str, Any]:
    return {
        **named,
        "PolicyName": policy_name,
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": value,
            "ScaleOutCooldown": _SCALE_OUT_SECONDS,
            "ScaleInCooldown": _SCALE_IN_SECONDS,
            **metric,
        },
    }


def remove_scaling(autoscaling: Any, cloudwatch: Any, endpoint_name: str, variant: str) -> bool:
    """Forget a fleet's bounds, policies and alarms; whether there were any.

    Args:
        autoscaling: boto3's `application-autoscaling`; deregistering deletes the policies too.
        cloudwatch: boto3's `cloudwatch`.
    """
    try:
        autoscaling.deregister_scalable_target(**scalable_target(endpoint_name, variant))
    except autoscaling.exceptions.ClientError as error:
        # AWS names this error ObjectNotFoundException, moto does not; both word it alike.
        if "No scalable target found" not in str(error):
            raise
        found = False
    else:
        found = True
    delete_alarms(cloudwatch, [wake_alarm_name(endpoint_name)])  # of its own: it may outlive them
    return found


def delete_alarms(cloudwatch: Any, names: Sequence[str]) -> None:
    """Delete alarms; one that is gone already is no error."""
    try:
        cloudwatch.delete_alarms(AlarmNames=list(names))
    except cloudwatch.exceptions.ResourceNotFound:
        return
