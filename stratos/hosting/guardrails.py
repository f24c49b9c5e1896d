"""How a new model takes over an endpoint: canary, bake, and the alarms that send it back.

These are SageMaker's deployment guardrails. They watch the new fleet alone, by the dimension
`EndpointConfigName`, so that what the old fleet does rolls nothing back:
https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-configuration.html
"""

from __future__ import annotations

import re
from typing import Any

from stratos.frozen import FrozenModel

BAKE_SECONDS = 300
"""How long the alarms watch the new fleet: with the canary's traffic first, then with all of it."""
_PERIOD_SECONDS = 60
_MARGIN_SECONDS = 1800
"""For instances to be found and started, beyond what the container itself is allowed."""
_ALARM = re.compile(r"[a-z0-9]+-(?P<run_id>.+-[0-9a-f]{8})-a\d+(?:-s\d+)?-(?:errors|latency)")
"""An alarm is named after the configuration that it watches, which is named after its run."""
_MIN_EXECUTION, _MAX_EXECUTION = 600, 28_800
"""Seconds that SageMaker accepts as the limit of an update."""


class Guardrails(FrozenModel):
    """What an update is held by."""

    deployment_config: dict[str, Any]
    """DeploymentConfig of UpdateEndpoint, or of UpdateInferenceComponent."""
    alarms: list[dict[str, Any]]
    """PutMetricAlarm requests. The alarms live as long as the update."""


def guardrails(
    endpoint_name: str,
    config_name: str,
    variant_name: str,
    *,
    num_instances: int,
    startup_seconds: int,
    max_p95_latency_ms: float | None,
) -> Guardrails:
    """Canary where there are instances enough, and a rollback on errors or slow answers.

    A canary is at most half of the fleet, so that one instance takes over all at once; it is
    watched all the same while the old fleet stands by.

    Args:
        startup_seconds: What download and start of the container may take together.
    """
    watched = [
        {"Name": "EndpointName", "Value": endpoint_name},
        {"Name": "VariantName", "Value": variant_name},
        {"Name": "EndpointConfigName", "Value": config_name},
    ]
    alarms = update_alarms(config_name, watched, max_p95_latency_ms)
    canary = num_instances > 1
    routing: dict[str, Any] = {
        "Type": "CANARY" if canary else "ALL_AT_ONCE",
        "WaitIntervalInSeconds": BAKE_SECONDS if canary else 0,
    }
    if canary:
        routing["CanarySize"] = {"Type": "INSTANCE_COUNT", "Value": 1}
    longest = longest_update_seconds(startup_seconds)
    return Guardrails(
        deployment_config={
            "BlueGreenUpdatePolicy": {
                "TrafficRoutingConfiguration": routing,
                "TerminationWaitInSeconds": BAKE_SECONDS,
                "MaximumExecutionTimeoutInSeconds": longest,
            },
            "AutoRollbackConfiguration": {
                "Alarms": [{"AlarmName": alarm["AlarmName"]} for alarm in alarms]
            },
        },
        alarms=alarms,
    )


def longest_update_seconds(startup_seconds: int, steps: int = 1) -> int:
    """The limit of an update, within what SageMaker accepts.

    Args:
        steps: Starts that follow one another, each watched before the next.
    """
    longest = steps * (startup_seconds + 2 * BAKE_SECONDS + _MARGIN_SECONDS)
    return max(_MIN_EXECUTION, min(_MAX_EXECUTION, longest))


def update_alarms(
    name: str, watched: list[dict[str, str]], max_p95_latency_ms: float | None
) -> list[dict[str, Any]]:
    """Too many errors, and answers that come too late where a latency is limited.

    Args:
        name: What the alarms' names begin with.
        watched: Dimensions of the metrics.
    """
    alarms = [
        _alarm(
            f"{name}-errors",
            f"More than {MAX_FAILED_SHARE:.0%} of the new model's answers are server errors",
            "Invocation5XXErrors",
            "Average",  # one value of 0 or 1 a request, so this is their share
            watched,
            threshold=MAX_FAILED_SHARE,
            minutes=(1, 1),
        )
    ]
    if max_p95_latency_ms is not None:
        alarms.append(
            _alarm(
                f"{name}-latency",
                f"The new model alone takes longer than {max_p95_latency_ms:g} ms at the 95th "
                "percentile",
                "ModelLatency",  # in microseconds
                "p95",
                watched,
                threshold=max_p95_latency_ms * 1000,
                minutes=(2, 3),  # the first answers of a new process are its slowest
            )
        )
    return alarms


def run_of_alarm(name: str) -> str | None:
    """Id of the run whose update an alarm watches; None for any other alarm."""
    found = _ALARM.fullmatch(name)
    return found["run_id"] if found else None


def _alarm(
    name: str,
    description: str,
    metric: str,
    statistic: str,
    dimensions: list[dict[str, str]],
    *,
    threshold: float,
    minutes: tuple[int, int],
) -> dict[str, Any]:
    """An alarm on the bad minutes of the last so many; a minute without requests is a good one."""
    bad, of = minutes
    return {
        "AlarmName": name,
        "AlarmDescription": description,
        # A list even for one metric: this way percentile and mean are written alike.
        "Metrics": [
            {
                "Id": "watched",
                "MetricStat": {
                    "Metric": {
                        "Namespace": "AWS/SageMaker",
                        "MetricName": metric,
                        "Dimensions": dimensions,
                    },
                    "Period": _PERIOD_SECONDS,
                    "Stat": statistic,
                },
                "ReturnData": True,
            }
        ],
        "EvaluationPeriods": of,
        "DatapointsToAlarm": bad,
        "Threshold": threshold,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
    }


MAX_FAILED_SHARE = 0.01
