"""How traffic moves to a new fleet: the steps that a DeploymentConfig asks for.

https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails.html
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from moto.sagemaker.exceptions import AWSValidationException

_LARGEST_CANARY = 0.5


@dataclass(frozen=True)
class TrafficShift:
    """Shares of the traffic that the new fleet gets, one after the other, and the waits between."""

    shares: tuple[float, ...] = (1.0,)
    wait_seconds: float = 0.0
    """After each share but the last."""
    final_seconds: float = 0.0
    """After the last, while the old fleet stands by."""
    alarm_names: tuple[str, ...] = ()

    @classmethod
    def of(cls, config: Mapping[str, Any] | None, num_instances: int, scale: float) -> TrafficShift:
        """Read a DeploymentConfig; `scale` shortens its waits.

        Raises:
            AWSValidationException: it asks for what SageMaker refuses, or for a rolling update.
        """
        if not config:
            return cls()
        if "RollingUpdatePolicy" in config:
            raise AWSValidationException(
                "Rolling updates are not supported by the embedded cloud; use BlueGreenUpdatePolicy"
            )
        policy = config.get("BlueGreenUpdatePolicy") or {}
        routing = policy.get("TrafficRoutingConfiguration") or {"Type": "ALL_AT_ONCE"}
        alarms = (config.get("AutoRollbackConfiguration") or {}).get("Alarms") or []
        return cls(
            shares=_shares(routing, num_instances),
            wait_seconds=float(routing.get("WaitIntervalInSeconds") or 0) * scale,
            final_seconds=float(policy.get("TerminationWaitInSeconds") or 0) * scale,
            alarm_names=tuple(alarm["AlarmName"] for alarm in alarms),
        )


def refuse_missing_alarms(cloudwatch: Any, shift: TrafficShift) -> None:
    """Raise where an alarm that is to watch an update is not there.

    Args:
        cloudwatch: boto3's `cloudwatch`.
    """
    if not shift.alarm_names:
        return
    names = list(shift.alarm_names)
    found = cloudwatch.describe_alarms(AlarmNames=names)["MetricAlarms"]
    if lacking := set(names) - {alarm["AlarmName"] for alarm in found}:
        raise AWSValidationException(
            f"Could not find alarm {', '.join(sorted(lacking))}; put it before the update."
        )


def _shares(routing: Mapping[str, Any], num_instances: int) -> tuple[float, ...]:
    kind = routing["Type"]
    if kind == "ALL_AT_ONCE":
        return (1.0,)
    size = routing.get("CanarySize" if kind == "CANARY" else "LinearStepSize")
    if not size:
        raise AWSValidationException(f"Traffic routing {kind} needs the size of its first step")
    by_count = size["Type"] == "INSTANCE_COUNT"
    step = float(size["Value"]) / (num_instances if by_count else 100.0)
    if step > _LARGEST_CANARY:
        raise AWSValidationException(
            f"The size of a {kind} step must be at most 50% of the variant's "
            f"{num_instances} instances; it is {step:.0%}"
        )
    if kind == "CANARY":
        return (step, 1.0)
    return (*(step * n for n in range(1, math.ceil(1 / step - 1e-9))), 1.0)
