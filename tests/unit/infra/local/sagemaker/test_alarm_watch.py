"""When the alarms of an update trip."""

from __future__ import annotations

from typing import Any

import pytest

from infra.local.sagemaker.alarm_watch import AlarmWatch, Observations

SCALE = 0.5


class Minutes(Observations):
    """Observations of whole minutes, whenever they are asked for."""

    def __init__(self, *minutes: list[float]) -> None:
        super().__init__()
        self._minutes = minutes
        self._begun: float | None = None

    def values(self, metric: str, since: float, until: float) -> list[float]:
        if self._begun is None:
            self._begun = since
        return self._minutes[round((since - self._begun) / (until - since))]


def alarm(bad: int, of: int, statistic: str = "Average") -> dict[str, Any]:
    return {
        "AlarmName": "a",
        "MetricName": "ModelLatency",
        "Statistic": statistic,
        "Period": 60,
        "EvaluationPeriods": of,
        "DatapointsToAlarm": bad,
        "Threshold": 10.0,
        "ComparisonOperator": "GreaterThanThreshold",
    }


@pytest.mark.parametrize(
    ("minutes", "bad", "of", "trips"),
    [
        (([20.0], [20.0], [1.0]), 2, 3, True),
        (([20.0], [1.0], [1.0]), 2, 3, False),
        (([20.0], [], [20.0]), 2, 3, True),
        (([], [], []), 1, 3, False),  # nobody asked
        (([1.0, 30.0], [1.0], [1.0]), 1, 3, True),  # the mean of the first is 15.5
    ],
)
def test_an_alarm_trips_on_enough_bad_minutes_of_the_last_ones(minutes, bad, of, trips):
    moments = iter((0.0, 3 * 60 * SCALE + 0.1))
    watch = AlarmWatch([alarm(bad, of)], Minutes(*minutes), SCALE, now=lambda: next(moments))
    assert watch.tripped() == (["a"] if trips else [])
