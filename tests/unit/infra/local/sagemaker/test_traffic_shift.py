"""How a DeploymentConfig is read."""

from __future__ import annotations

from typing import Any

import pytest
from moto.sagemaker.exceptions import AWSValidationException

from infra.local.sagemaker.traffic_shift import TrafficShift
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
    shift = TrafficShift.of(config, 4, SCALE)
    assert shift.shares == pytest.approx(shares)
    assert shift.shares[-1] == 1.0


def test_waits_are_scaled():
    shift = TrafficShift.of(routing("CANARY", CanarySize=percent(30)), 4, SCALE)
    assert (shift.wait_seconds, shift.final_seconds) == (50.0, 30.0)


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
        TrafficShift.of(config, 4, SCALE)


def test_the_guardrails_of_a_run_are_read_as_they_are_meant():
    built = guardrails("e", "c", "v", num_instances=3, startup_seconds=60, max_p95_latency_ms=100)
    shift = TrafficShift.of(built.deployment_config, 3, 1.0)
    assert shift.shares == pytest.approx((1 / 3, 1.0))
    assert (shift.wait_seconds, shift.final_seconds) == (BAKE_SECONDS, BAKE_SECONDS)
    assert shift.alarm_names == ("c-errors", "c-latency")
