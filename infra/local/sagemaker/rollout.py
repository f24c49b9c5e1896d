"""How traffic moves to a new fleet: the steps of a DeploymentConfig, and the alarms in between.

https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails.html
"""

from __future__ import annotations

import math
import operator
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from moto.sagemaker.exceptions import AWSValidationException

_OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
_LARGEST_CANARY = 0.5


@dataclass(frozen=True)
class Rollout:
    """Shares of the traffic that the new fleet gets, one after the other, and the waits between."""

    shares: tuple[float, ...] = (1.0,)
    wait_seconds: float = 0.0
    """After each share but the last."""
    final_seconds: float = 0.0
    """After the last, while the old fleet stands by."""
    alarm_names: tuple[str, ...] = ()

    @classmethod
    def of(cls, config: Mapping[str, Any] | None, num_instances: int, scale: float) -> Rollout:
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


def refuse_missing_alarms(cloudwatch: Any, rollout: Rollout) -> None:
    """Raise where an alarm that is to watch an update is not there.

    Args:
        cloudwatch: boto3's `cloudwatch`.
    """
    if not rollout.alarm_names:
        return
    names = list(rollout.alarm_names)
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


class Observations:
    """What the requests to one fleet came to: whether the server failed, and how long it took."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: list[tuple[float, bool, float]] = []

    def add(self, *, failed: bool, seconds: float) -> None:
        with self._lock:
            self._seen.append((time.monotonic(), failed, seconds))

    def values(self, metric: str, since: float, until: float) -> list[float]:
        """One value a request, as CloudWatch gets them."""
        with self._lock:
            seen = [item for item in self._seen if since <= item[0] < until]
        if metric == "Invocation5XXErrors":
            return [float(failed) for _, failed, _ in seen]
        if metric == "ModelLatency":
            return [seconds * 1e6 for _, _, seconds in seen]
        if metric == "Invocations":
            return [1.0] * len(seen)
        return []


class Watch:
    """Alarms on one fleet, evaluated a period at a time since traffic began to move to it."""

    def __init__(
        self,
        alarms: Sequence[Mapping[str, Any]],
        observations: Observations,
        scale: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._alarms = alarms
        self._observations = observations
        self._scale = scale
        self._now = now
        self._since = now()

    def tripped(self) -> list[str]:
        """Names of the alarms that are in alarm now."""
        return [alarm["AlarmName"] for alarm in self._alarms if self._is_tripped(alarm)]

    def _is_tripped(self, alarm: Mapping[str, Any]) -> bool:
        metric, statistic, period = _watched(alarm)
        length = period * self._scale
        over = int((self._now() - self._since) / length)
        breaching = []
        for index in range(max(0, over - int(alarm["EvaluationPeriods"])), over):
            start = self._since + index * length
            values = self._observations.values(metric, start, start + length)
            if values:  # a period without requests is a good one
                value = _statistic(values, statistic)
                breaching.append(
                    _OPERATORS[alarm["ComparisonOperator"]](value, float(alarm["Threshold"]))
                )
        return sum(breaching) >= int(alarm.get("DatapointsToAlarm") or alarm["EvaluationPeriods"])


def _watched(alarm: Mapping[str, Any]) -> tuple[str, str, float]:
    """Metric, statistic and period in seconds of an alarm on one metric, however it is written."""
    queries = alarm.get("Metrics")
    if queries:
        found = queries[0]["MetricStat"]
        return found["Metric"]["MetricName"], found["Stat"], float(found["Period"])
    statistic = alarm.get("Statistic") or alarm["ExtendedStatistic"]
    return alarm["MetricName"], statistic, float(alarm["Period"])


def _statistic(values: list[float], name: str) -> float:
    if name.startswith("p"):
        ordered = sorted(values)
        rank = max(1, math.ceil(float(name[1:]) / 100 * len(ordered)))
        return ordered[rank - 1]
    computed = {"Average": sum(values) / len(values), "Sum": sum(values)}
    return computed.get(name, max(values) if name == "Maximum" else min(values))
