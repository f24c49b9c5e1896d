"""How a fleet grows and shrinks with its traffic: requests to Application Auto Scaling.

https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling.html, for queues
https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-autoscale.html and for components
https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-zero-instances.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stratos.contracts.plan import Server
from stratos.frozen import FrozenModel
from stratos.spec import Spec

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


def scalable_component(component_name: str) -> dict[str, str]:
    """What names the copies of an inference component, in every request."""
    return {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"inference-component/{component_name}",
        "ScalableDimension": "sagemaker:inference-component:DesiredCopyCount",
    }


def wake_alarm_name(endpoint_name: str) -> str:
    return f"{endpoint_name}-backlog"


def fleet_scaling(spec: Spec, server: Server, endpoint_name: str, variant: str) -> Scaling | None:
    """Bounds and policies of instances that are always there, or None where they stay so many.

    Down to one instance where the traffic has lulls; up to the planned fleet, or to
    `hosting.max_instances`.
    """
    floor, ceiling = 1 if spec.load.has_lulls else server.count, largest_fleet(spec, server)
    if floor == ceiling:
        return None
    named = scalable_target(endpoint_name, variant)
    metric = {
        "PredefinedMetricSpecification": {
            "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"
        }
    }
    policy_name = f"{endpoint_name}-requests"
    return Scaling(
        target={**named, "MinCapacity": floor, "MaxCapacity": ceiling},
        policies=[_tracking(named, policy_name, _per_minute(spec, server), metric)],
    )


def queue_scaling(spec: Spec, server: Server, endpoint_name: str, variant: str) -> Scaling:
    """Instances by the backlog of a queue; none is left without one, and a request starts one."""
    named = scalable_target(endpoint_name, variant)
    dimensions = [{"Name": "EndpointName", "Value": endpoint_name}]
    backlog = {
        "CustomizedMetricSpecification": {
            "MetricName": "ApproximateBacklogSizePerInstance",
            "Namespace": "AWS/SageMaker",
            "Dimensions": dimensions,
            "Statistic": "Average",
        }
    }
    tracking = _tracking(named, f"{endpoint_name}-backlog", _BACKLOG_PER_INSTANCE, backlog)
    return Scaling(
        target={**named, "MinCapacity": 0, "MaxCapacity": largest_fleet(spec, server)},
        policies=[tracking, _wake(named, endpoint_name)],
        wake_alarm=_wake_alarm(
            endpoint_name,
            "Requests wait and no instance is there to answer them",
            "HasBacklogWithoutCapacity",
            dimensions,
            statistic="Average",
            minutes=2,
        ),
    )


def component_scaling(spec: Spec, server: Server, name: str) -> Scaling:
    """Copies by their requests; none is left after a lull, and a refused request starts one."""
    named = scalable_component(name)
    metric = {
        "PredefinedMetricSpecification": {
            "PredefinedMetricType": "SageMakerInferenceComponentInvocationsPerCopy"
        }
    }
    tracking = _tracking(named, f"{name}-requests", _per_minute(spec, server), metric)
    return Scaling(
        target={**named, "MinCapacity": 0, "MaxCapacity": largest_fleet(spec, server)},
        policies=[tracking, _wake(named, name)],
        wake_alarm=_wake_alarm(
            name,
            "Requests are refused because no copy of the model is in service",
            "NoCapacityInvocationFailures",
            [{"Name": "InferenceComponentName", "Value": name}],
            statistic="Sum",
            minutes=1,
        ),
    )


def largest_fleet(spec: Spec, server: Server) -> int:
    """Instances that a fleet may grow to: as planned, or as many as the spec allows."""
    return max(server.count, spec.hosting.max_instances or server.count)


def _per_minute(spec: Spec, server: Server) -> float:
    """Requests that each instance was planned for."""
    return 60 * spec.load.requests_per_second / server.count


def _wake(named: dict[str, str], name: str) -> dict[str, Any]:
    """Target tracking cannot leave zero, where its metric has no value."""
    return {
        **named,
        "PolicyName": f"{name}-wake",
        "PolicyType": "StepScaling",
        "StepScalingPolicyConfiguration": {
            "AdjustmentType": "ChangeInCapacity",
            "MetricAggregationType": "Average",
            "Cooldown": 300,
            "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}],
        },
    }


def _wake_alarm(
    name: str,
    description: str,
    metric: str,
    dimensions: list[dict[str, str]],
    *,
    statistic: str,
    minutes: int,
) -> dict[str, Any]:
    return {
        "AlarmName": wake_alarm_name(name),
        "AlarmDescription": description,
        "Namespace": "AWS/SageMaker",
        "MetricName": metric,
        "Dimensions": dimensions,
        "Statistic": statistic,
        "Period": 60,
        "EvaluationPeriods": minutes,
        "DatapointsToAlarm": minutes,
        "Threshold": 1.0,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "missing",
    }


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
    targets = (scalable_target(endpoint_name, variant), scalable_component(endpoint_name))
    found = [_deregister(autoscaling, target) for target in targets]
    delete_alarms(cloudwatch, [wake_alarm_name(endpoint_name)])  # of its own: it may outlive them
    return any(found)


def _deregister(autoscaling: Any, target: dict[str, str]) -> bool:
    try:
        autoscaling.deregister_scalable_target(**target)
    except autoscaling.exceptions.ClientError as error:
        # AWS names this error ObjectNotFoundException, moto does not; both word it alike.
        if "No scalable target found" not in str(error):
            raise
        return False
    return True


def delete_alarms(cloudwatch: Any, names: Sequence[str]) -> None:
    """Delete alarms; one that is gone already is no error."""
    try:
        cloudwatch.delete_alarms(AlarmNames=list(names))
    except cloudwatch.exceptions.ResourceNotFound:
        return
