"""How long the states that call a function go on."""

from __future__ import annotations

import pytest

from lambdas.serving import leftovers
from stratos.errors import EndpointUnsettled
from stratos.hosting.guardrails import guardrails


@pytest.mark.parametrize("state", ["CleanUp", "TakeEndpointBack"])
def test_cleaning_up_waits_longer_than_sagemaker_may_take_over_an_update(states, state):
    (patient,) = [
        r for r in states[state]["Retry"] if r["ErrorEquals"] == [EndpointUnsettled.__name__]
    ]
    slowest = guardrails(
        "e", "c", "v", num_instances=2, startup_seconds=100_000, max_p95_latency_ms=None
    ).deployment_config["BlueGreenUpdatePolicy"]["MaximumExecutionTimeoutInSeconds"]
    assert patient["MaxAttempts"] * leftovers.PATIENCE_SECONDS > slowest
