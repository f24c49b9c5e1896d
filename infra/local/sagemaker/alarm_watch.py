"""How requests to a fleet end, and the alarms on it while traffic moves to it."""

from __future__ import annotations

import math
import operator
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

_OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}


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


class AlarmWatch:
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
