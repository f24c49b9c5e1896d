"""The states that deploy a model, one way or another."""

from __future__ import annotations

from infra.states.definition_reader import next_states
from stratos.hosting.guardrails import BAKE_SECONDS
from stratos.hosting.next_server import MAX_SERVERS
from tests.infra.ways import all_ways


def test_nothing_is_made_for_an_endpoint_before_it_is_this_runs_turn(states):
    turn = states["TakeTurn"]
    assert next_states(turn) == ["IsAsynchronous"]
    (patient,) = [r for r in turn["Retry"] if r["ErrorEquals"] == ["EndpointBusy"]]
    # Another run may try every server it has, each over its whole rollout.
    whole_rollout = 2 * BAKE_SECONDS + 900
    assert patient["MaxAttempts"] * patient["MaxDelaySeconds"] > MAX_SERVERS * whole_rollout


def test_the_model_moves_to_its_next_server_within_the_same_turn(states):
    assert next_states(states["NextServer"]) == ["IsAsynchronous"]
    measured = {"MeasureEndpoint", "MeasureBatch"}
    assert "TakeTurn" not in all_ways(states, "NextServer", until=measured)


def test_a_queue_is_configured_only_where_requests_wait_in_one(states):
    assert next_states(states["IsAsynchronous"]) == [
        "CreateAsyncModel",
        "CreateBatchModel",
        "CreateComponentModel",
        "CreateServerlessModel",
        "CreateModel",
    ]
    assert next_states(states["CreateAsyncModel"]) == ["CreateAsyncEndpointConfig"]
    queued = states["CreateAsyncEndpointConfig"]["Parameters"]
    assert queued["AsyncInferenceConfig.$"] == "$.quality.deployment.async_inference_config"


def test_models_of_pools_are_made_before_the_configuration_that_names_them(states):
    made, pooled = states["CreateModel"], states["CreatePoolModels"]
    assert (made["Next"], pooled["Next"]) == ("CreatePoolModels", "CreateEndpointConfig")
    assert pooled["ItemsPath"] == "$.quality.deployment.more_models"
    [one] = pooled["ItemProcessor"]["States"].values()
    assert one["Parameters"] == {
        "ModelName.$": "$.model.model_name",
        "PrimaryContainer.$": "$.model.container",
        "Tags.$": "$.tags",
        "ExecutionRoleArn.$": made["Parameters"]["ExecutionRoleArn.$"],
        "EnableNetworkIsolation": True,
    }
