"""The phases that `stratos.pipeline.phases` names by their states are those of the template."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from infra.states.definition_reader import State, caught_by, definition_of, next_states
from stratos.pipeline.phases import PHASE_OF_JOB, PHASE_OF_STATE
from stratos.ui.execution import Execution
from stratos.ui.state_graph import graph_of

COUNTED_TO = {
    "InspectDataset": {"PrepareInspection", "InspectLarge", "DiagnoseInspectLarge"},
    "Synthesize": {"DiagnoseSynthesize", "GatherSynthesize"},
    "Distill": {"DiagnoseDistill"},
    "Evaluate": {"DiagnoseEvaluate", "GatherEvaluate"},
    "AwaitApproval": {"RecordApproval"},
    "Deploy": {
        "CreatePoolModels",
        *("CreateEndpointConfig", "CreateAsyncEndpointConfig", "CreateEndpoint"),
        *("StopScaling", "PutAlarms", "UpdateEndpoint", "UpdateUnguarded", "DeleteAlarms"),
        *("WaitForEndpoint", "DescribeEndpoint"),
        *("CreateComponentConfig", "CreateComponentEndpoint", "AwaitEndpoint"),
        *("CreateInferenceComponent", "AwaitNewComponent"),
        *("StopComponentScaling", "WakeComponent", "PutComponentAlarms"),
        *("UpdateInferenceComponent", "SettleComponent", "AwaitComponent"),
        "DeleteComponentAlarms",
    },
}
"""The states that begin no phase: whose time theirs is."""


def taking_time(definition: Mapping[str, Any]) -> set[str]:
    """Of the states outside a Map, those that do more than decide."""
    types = ("Task", "Wait", "Map", "Parallel")
    return {name for name, state in definition["States"].items() if state["Type"] in types}


def phases_of(definition: Mapping[str, Any]) -> dict[str, set[str | None]]:
    """Every state's phases: its own, or those of the states it can follow."""
    states: Mapping[str, State] = definition["States"]
    phases: dict[str, set[str | None]] = defaultdict(set)
    pending: list[tuple[str, str | None]] = [(definition["StartAt"], None)]
    while pending:
        name, phase = pending.pop()
        phase = PHASE_OF_STATE.get(name, phase)
        if phase not in phases[name]:
            phases[name].add(phase)
            following = [*next_states(states[name]), *caught_by(states[name]).values()]
            pending += [(state, phase) for state in following]
    return phases


def followers(definition: Mapping[str, Any]) -> dict[str | None, set[str]]:
    """Phase → the states that begin none and follow it, whichever way the run came."""
    phases = phases_of(definition)
    following: dict[str | None, set[str]] = defaultdict(set)
    for name in taking_time(definition) - PHASE_OF_STATE.keys():
        (phase,) = phases[name]
        following[phase].add(name)
    return following


def test_every_state_that_takes_time_begins_a_phase_or_is_known_to_follow_one(definition) -> None:
    assert followers(definition) == COUNTED_TO


def test_a_job_of_another_region_is_counted_as_one_at_home(home_of_regions) -> None:
    more = {
        "InspectDataset": COUNTED_TO["InspectDataset"] | {"InspectLargeElsewhere"},
        "Promote": {"DrainFormer", "RetireFormer"},
    }
    assert followers(definition_of(home_of_regions)) == COUNTED_TO | more


def test_no_phase_names_a_state_that_is_not_there_or_takes_no_time(
    definition, home_of_regions
) -> None:
    assert PHASE_OF_STATE.keys() <= taking_time(definition_of(home_of_regions))
    away = {f"{job}Elsewhere" for job in ("Synthesize", "Distill", "Evaluate")} | {
        *("StageRegions", "StageEverywhere", "JudgeRegions", "PromoteRegions", "TakeRegionsBack"),
        "TakeServersBack",
    }
    assert PHASE_OF_STATE.keys() - away <= taking_time(definition)


def test_the_jobs_of_a_run_are_counted_to_phases_that_there_are() -> None:
    assert set(PHASE_OF_JOB.values()) <= set(PHASE_OF_STATE.values())


def test_the_drawn_machine_is_one_piece_from_its_first_phase_to_its_report(definition) -> None:
    graph = graph_of(Execution(definition, (), None), datetime.now(UTC))
    names = [node.name for node in graph.nodes]
    assert set(names) == set(PHASE_OF_STATE.values())
    reached = {0}
    for arrow in sorted(graph.arrows, key=lambda one: one.source):
        assert arrow.source in reached or arrow.kind == "back", names[arrow.source]
        reached.add(arrow.target)
    assert len(reached) == len(names)
