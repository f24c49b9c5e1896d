"""The state machine of a worker region."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.session import get_session
from pydantic import BaseModel

from infra.states.definition_reader import State, caught_by, definition_of, next_states, states_of
from infra.states.training_jobs import LONGEST_ELSEWHERE
from lambdas.regions.inputs import PATIENCE_SECONDS
from stratos.errors import StratosError
from stratos.hosting.ownership import HOME_TAG
from stratos.pipeline.region_endpoints import (
    GiveUpInput,
    MeasureRegionInput,
    WatchEndpointInput,
    WorkerEndpoint,
)
from stratos.pipeline.steps import TrainingJob
from stratos.pipeline.worker_jobs import (
    COPIES_KEPT_DAYS,
    HEARTBEAT_SECONDS,
    SHORTEST_WAIT_SECONDS,
    Watched,
    WatchInput,
    WorkerJob,
)
from tests.infra.resources import function
from tests.infra.ways import all_errors, reaches

INPUTS: dict[str, type[BaseModel]] = {
    "fetch_inputs": WorkerJob,
    "watch_job": WatchInput,
    "bring_home": WorkerJob,
    "give_up": GiveUpInput,
    "fetch_model": WorkerEndpoint,
    "watch_endpoint": WatchEndpointInput,
    "measure_region": MeasureRegionInput,
}
LONGEST_HISTORY = 25_000
"""https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"""


@pytest.fixture(scope="module")
def definition(worker_template: dict[str, Any]) -> dict[str, Any]:
    return definition_of(worker_template)


@pytest.fixture(scope="module")
def states(definition: dict[str, Any]) -> dict[str, State]:
    return dict(states_of(definition))


@pytest.fixture(scope="module")
def called(states: dict[str, State], worker_template: dict[str, Any]) -> dict[str, str]:
    """State → the module that it calls."""
    modules = {
        f"<{name}.Arn>": resource["Properties"]["Handler"].split(".")[2]
        for name, resource in worker_template["Resources"].items()
        if resource["Type"] == "AWS::Lambda::Function"
    }
    resources = {name: str(state.get("Resource")) for name, state in states.items()}
    return {name: modules[it] for name, it in resources.items() if it in modules}


def test_every_payload_has_the_fields_that_its_handler_reads(states, called) -> None:
    for name, module in called.items():
        fields = INPUTS[module].model_fields
        given = {field.removesuffix(".$") for field in states[name]["Parameters"]}
        needed = {field for field, info in fields.items() if info.is_required()}
        assert needed <= given <= set(fields), name
    assert set(called.values()) == set(INPUTS)


def test_what_an_execution_begins_with_is_what_the_first_look_at_the_job_reads(states) -> None:
    begun = states["Begin"]["Parameters"]
    assert begun["worker.$"] == "$"  # a WorkerJob
    assert {f"{name}.$" for name in WatchInput.model_fields if name != "worker"} == set(
        begun["watched"]
    )
    assert set(begun["watched"].values()) == {"States.StringToJson('null')"}
    read = states["WatchJob"]["Parameters"]
    for name in Watched.model_fields.keys() & WatchInput.model_fields.keys():
        assert read[f"{name}.$"] == f"$.watched.{name}"
    assert states["WatchJob"]["ResultPath"] == "$.watched"
    assert {"over", "wait_seconds"} <= set(Watched.model_fields)


def test_a_job_goes_its_way_and_is_watched_until_it_is_over(states) -> None:
    way = ["Begin"]
    while len(following := next_states(states[way[-1]])) == 1:
        way += following
    assert way == ["Begin", "FetchInputs", "CreateJob", "WatchJob", "IsJobOver"]
    assert next_states(states["IsJobOver"]) == ["BringHome", "WaitForJob"]
    assert next_states(states["WaitForJob"]) == ["WatchJob"]
    assert states["WaitForJob"]["SecondsPath"] == "$.watched.wait_seconds"
    assert next_states(states["BringHome"]) == ["Answered"]


def test_an_endpoint_goes_its_way_and_is_watched_until_it_serves(states, definition) -> None:
    assert next_states(states[definition["StartAt"]]) == ["FetchModel", "Begin"]
    way = ["FetchModel"]
    while len(following := next_states(states[way[-1]])) == 1:
        way += following
    assert way == [
        *("FetchModel", "BeginStaging", "StageModel", "StageConfig", "StageEndpoint"),
        *("WatchEndpoint", "IsStaged"),
    ]
    assert next_states(states["IsStaged"]) == ["MeasureRegion", "WaitForStaged"]
    assert next_states(states["WaitForStaged"]) == ["WatchEndpoint"]
    assert next_states(states["MeasureRegion"]) == ["Ready"]


OF_ENDPOINTS = {"FetchModel", "StageModel", "StageConfig", "StageEndpoint", "WatchEndpoint"} | {
    "MeasureRegion"
}


def test_any_failure_ends_in_giving_the_job_or_the_endpoint_up(states) -> None:
    ways_out = {"GiveUp": "NotGivenUp", "GiveUpEndpoint": "NotGivenUpEndpoint"}
    for name, state in states.items():
        if state["Type"] == "Task" and name not in ways_out:
            way_out = "GiveUpEndpoint" if name in OF_ENDPOINTS else "GiveUp"
            assert caught_by(state)["States.ALL"] == way_out, name
    for name, not_given_up in ways_out.items():
        assert caught_by(states[name]) == {"States.ALL": not_given_up}
        assert reaches(states, name, {"GaveUp"})
    failing = {name for name, state in states.items() if state["Type"] == "Fail"}
    assert failing == set(ways_out.values())


def test_a_job_that_nobody_waits_for_is_not_created(states) -> None:
    for name in ("FetchInputs", "FetchModel"):
        assert caught_by(states[name])["NoLongerAwaited"] == "NotAwaited"
    assert next_states(states["NotAwaited"]) == []


def test_an_endpoint_goes_on_until_home_may_have_handed_it_over_again(states) -> None:
    for name in ("FetchModel", "WatchEndpoint", "MeasureRegion"):
        [again] = [
            one for one in states[name]["Retry"] if one["ErrorEquals"] == ["NoLongerAwaited"]
        ]
        waits = [
            again["IntervalSeconds"] * again["BackoffRate"] ** n
            for n in range(again["MaxAttempts"])
        ]
        waited = sum(min(wait, again["MaxDelaySeconds"]) for wait in waits)
        assert 180 < waited < 240, name  # home calls again seconds later, and six times at most
    [never] = [
        one for one in states["FetchInputs"]["Retry"] if one["ErrorEquals"] == ["NoLongerAwaited"]
    ]
    assert never["MaxAttempts"] == 0


def test_errors_that_are_named_exist_and_are_tried_again_before_all_others(states) -> None:
    known = {error.__name__ for error in all_errors(StratosError)}
    named = set()
    for state in states.values():
        retried = [error for retry in state.get("Retry", ()) for error in retry["ErrorEquals"]]
        named |= {e for e in (*retried, *caught_by(state)) if "." not in e}
        if "States.ALL" in retried:
            assert retried[-1] == "States.ALL"  # the first that fits decides
    assert named == {*("CopyUnfinished", "EndpointUnsettled", "HomeUnreachable", "NoLongerAwaited")}
    assert named <= known


def test_a_home_that_cannot_be_reached_for_hours_is_told_when_it_can(states) -> None:
    for name in ("BringHome", "GiveUp"):
        (retry,) = (r for r in states[name]["Retry"] if r["ErrorEquals"] == ["HomeUnreachable"])
        waits = [
            min(retry["IntervalSeconds"] * retry["BackoffRate"] ** n, retry["MaxDelaySeconds"])
            for n in range(retry["MaxAttempts"])
        ]
        assert 8 * 3600 < sum(waits) < 12 * 3600


def test_every_state_is_bounded_and_so_is_the_execution(states, definition, worker_template):
    tasks = {name: state for name, state in states.items() if state["Type"] == "Task"}
    assert all("TimeoutSeconds" in state for state in tasks.values())
    assert definition["TimeoutSeconds"] == LONGEST_ELSEWHERE.to_seconds()
    assert definition["TimeoutSeconds"] < COPIES_KEPT_DAYS * 24 * 3600 / 2
    fetch = function(worker_template, "stratos-worker-fetch-inputs")
    assert PATIENCE_SECONDS < fetch["Timeout"] < HEARTBEAT_SECONDS


def test_a_job_that_takes_as_long_as_one_may_does_not_outgrow_its_history(definition) -> None:
    events_of_a_look = 3 + 5 + 2  # Wait, Task and Choice, entered and exited, and the function
    looks = definition["TimeoutSeconds"] / SHORTEST_WAIT_SECONDS
    assert looks * events_of_a_look < LONGEST_HISTORY


def test_a_job_that_is_handed_over_carries_the_region_whose_job_it_is(states) -> None:
    tags = states["CreateJob"]["Parameters"]["Tags"]
    assert {"Key": HOME_TAG, "Value.$": "$.worker.home.region"} in tags


def test_the_request_is_one_that_sagemaker_knows(states) -> None:
    shape = get_session().get_service_model("sagemaker").operation_model("CreateTrainingJob")
    asked = {field.removesuffix(".$") for field in states["CreateJob"]["Parameters"]}
    assert asked <= set(shape.input_shape.members)
    assert set(shape.input_shape.required_members) <= asked
    fields = {
        path.rpartition(".")[2]
        for path in states["CreateJob"]["Parameters"].values()
        if isinstance(path, str) and path.startswith("$.worker.job.")
    }
    assert fields <= set(TrainingJob.model_fields)
