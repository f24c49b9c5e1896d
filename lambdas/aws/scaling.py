"""Application Auto Scaling: the instances of a promoted endpoint follow its traffic."""

from __future__ import annotations

from lambdas.aws.clients import client
from stratos.hosting.names import VARIANT
from stratos.hosting.scaling import Scaling, remove_scaling


def apply(endpoint_name: str, scaling: Scaling | None) -> None:
    """Set an endpoint's bounds and policies in place of those it had, in this region."""
    if scaling is None:
        remove(endpoint_name)
        return
    autoscaling, cloudwatch = client("application-autoscaling"), client("cloudwatch")
    autoscaling.register_scalable_target(**scaling.target)
    arns = [autoscaling.put_scaling_policy(**policy)["PolicyARN"] for policy in scaling.policies]
    if scaling.wake_alarm is not None:
        cloudwatch.put_metric_alarm(**scaling.wake_alarm, AlarmActions=[arns[-1]])


def remove(endpoint_name: str, region: str | None = None) -> bool:
    """Remove the bounds, policies and alarms of an endpoint. Returns whether there were any."""
    autoscaling = client("application-autoscaling", region)
    cloudwatch = client("cloudwatch", region)
    return remove_scaling(autoscaling, cloudwatch, endpoint_name, VARIANT)
