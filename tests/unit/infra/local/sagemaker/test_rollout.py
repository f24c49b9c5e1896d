"""How a DeploymentConfig is read, and when its alarms trip."""

from __future__ import annotations

from typing import Any

import pytest
from moto.sagemaker.exceptions import AWSValidationException

from infra.local.sagemaker.rollout import Observations, Rollout, Watch
from stratos.hosting.guardrails import BAKE_SECONDS, guardrails

SCALE = 0.5


def routing(kind: str, **fields: Any) -> dict[str, Any]:
    return {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {"Type": kind, "WaitIntervalInSeconds": 100, **fields},
            "TerminationWaitInSeconds": 60,
        }
    }


def percent(value: int) -> dict[str, Any]:
    return {"Type": "CAPACITY_PERCENT", "Value": value}


@pytest.mark.parametrize(
    ("config", "shares"),
    [
        (None, (1.0,)),
        (routing("ALL_AT_ONCE"), (1.0,)),
        (routing("CANARY", CanarySize=percent(30)), (0.3, 1.0)),
        (routing("CANARY", CanarySize={"Type": "INSTANCE_COUNT", "Value": 1}), (0.25, 1.0)),
        (routing("LINEAR", LinearStepSize=percent(25)), (0.25, 0.5, 0.75, 1.0)),
        (routing("LINEAR", LinearStepSize=percent(40)), (0.4, 0.8, 1.0)),
    ],
)
def test_traffic_moves_in_the_steps_that_are_asked(config, shares):
    rollout = Rollout.of(config, 4, SCALE)
    assert rollout.shares == pytest.approx(shares)
    assert rollout.shares[-1] == 1.0


def test_waits_are_scaled():
    rollout = Rollout.of(routing("CANARY", CanarySize=percent(30)), 4, SCALE)
    assert (rollout.wait_seconds, rollout.final_seconds) == (50.0, 30.0)


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        (routing("CANARY", CanarySize=percent(51)), "at most 50%"),
        (routing("CANARY"), "needs the size"),
        ({"RollingUpdatePolicy": {}}, "not supported"),
    ],
)
def test_what_sagemaker_would_refuse_is_refused(config, problem):
    with pytest.raises(AWSValidationException, match=problem):
        Rollout.of(config, 4, SCALE)


def test_the_guardrails_of_a_run_are_read_as_they_are_meant():
    built = guardrails("e", "c", "v", num_instances=3, startup_seconds=60, max_p95_latency_ms=100)
    rollout = Rollout.of(built.deployment_config, 3, 1.0)
    assert rollout.shares == pytest.approx((1 / 3, 1.0))
    assert (rollout.wait_seconds, rollout.final_seconds) == (BAKE_SECONDS, BAKE_SECONDS)
    assert rollout.alarm_names == ("c-errors", "c-latency")


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
    watch = Watch([alarm(bad, of)], Minutes(*minutes), SCALE, now=lambda: next(moments))
    assert watch.tripped() == (["a"] if trips else [])
