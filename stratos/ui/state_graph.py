"""The state machine as a graph of phases, coloured by what an execution has been through.

A machine of ours has a hundred states, most of which wait, choose or try again. Each phase of a run
is one node, with its states in it; arrows are the machine's own transitions between phases. What
leads from anywhere to the end by an error is not drawn: every state has such an arrow.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, Literal

from stratos.pipeline.phases import PHASE_OF_STATE, phase_seconds
from stratos.ui.execution import EnteredState, Execution

NodeStatus = Literal["done", "current", "failed", "skipped", "waiting"]
WORDS: dict[NodeStatus, str] = {
    "done": "done",
    "current": "under way",
    "failed": "failed",
    "skipped": "not needed",
    "waiting": "not yet",
}
SIGNS: dict[NodeStatus, str] = {
    "done": "✓",
    "current": "●",
    "failed": "✗",
    "skipped": "–",
    "waiting": "·",
}
_AFTER_FAILURE = "CleanUp"
_ENDS = ("Succeed", "Fail")


@dataclass(frozen=True)
class Node:
    """One phase.

    Attributes:
        states: Names of its states, as the machine has them.
        inside: The state that the execution is in, of the current phase.
        seconds: None if it was never entered.
        visits: How often it was begun.
    """

    name: str
    status: NodeStatus
    states: tuple[str, ...]
    inside: str | None
    seconds: float | None
    visits: int

    @property
    def sign(self) -> str:
        return SIGNS[self.status]

    @property
    def word(self) -> str:
        return WORDS[self.status]


@dataclass(frozen=True)
class Arrow:
    """A transition between phases, by their places in the list of nodes."""

    source: int
    target: int
    taken: bool

    @property
    def kind(self) -> Literal["next", "skip", "back"]:
        if self.target == self.source + 1:
            return "next"
        return "skip" if self.target > self.source else "back"


@dataclass(frozen=True)
class Graph:
    """What is drawn, and the same as a list."""

    nodes: tuple[Node, ...]
    arrows: tuple[Arrow, ...]

    @property
    def current(self) -> Node | None:
        return next((node for node in self.nodes if node.status == "current"), None)


def graph_of(execution: Execution, now: datetime) -> Graph:
    """The graph of an execution; without nodes if its machine is known no more."""
    phases = phases_of(execution.definition)
    names = _in_order(phases.values())
    visits = [visit for visit in execution.entered() if visit.name in phases]
    walked = list(_phases_walked(visits))
    seconds = phase_seconds(execution.events, now) if execution.events else {}
    statuses = _statuses(names, visits, walked, execution)
    inside = visits[-1].name if visits and execution.runs else None
    nodes = tuple(
        Node(
            name=name,
            status=statuses[name],
            states=tuple(state for state, phase in phases.items() if phase == name),
            inside=inside if statuses[name] == "current" else None,
            seconds=seconds.get(name),
            visits=sum(one == name != before for before, one in pairwise(["", *walked])),
        )
        for name in names
    )
    place = {name: number for number, name in enumerate(names)}
    taken = set(pairwise(walked))
    arrows = tuple(
        Arrow(place[source], place[target], (source, target) in taken)
        for source, target in sorted(
            _transitions(execution.definition, phases),
            key=lambda pair: (place[pair[0]], place[pair[1]]),
        )
    )
    return Graph(nodes, arrows)


def phases_of(definition: Mapping[str, Any]) -> dict[str, str]:
    """State → the phase it belongs to: its own, or that of the nearest state before it."""
    states = definition.get("States", {})
    found: dict[str, str] = {}
    pending = [(str(definition["StartAt"]), "")] if states else []
    while pending:
        name, before = pending.pop(0)
        if name in found or states[name]["Type"] in _ENDS:
            continue
        found[name] = phase = PHASE_OF_STATE.get(name, before or name)
        following = [*_next(states[name]), *(c["Next"] for c in states[name].get("Catch", ()))]
        pending += [(one, phase) for one in following]
    return found


def _phases_walked(visits: Iterable[EnteredState]) -> Iterator[str]:
    """The phase of each visit, as the time of phases is counted."""
    phase = ""
    for visit in visits:
        phase = PHASE_OF_STATE.get(visit.name, phase or visit.name)
        yield phase


def _in_order(phases: Iterable[str]) -> list[str]:
    """Phases as a run goes through them; those that are new here at the end."""
    there = dict.fromkeys(phases)
    known = [name for name in dict.fromkeys(PHASE_OF_STATE.values()) if name in there]
    return [*known, *(name for name in there if name not in known)]


def _next(state: Mapping[str, Any]) -> Iterator[str]:
    """Where a state goes when nothing fails."""
    yield from (choice["Next"] for choice in state.get("Choices", ()))
    yield from (str(state[key]) for key in ("Default", "Next") if key in state)


def _transitions(definition: Mapping[str, Any], phases: Mapping[str, str]) -> set[tuple[str, str]]:
    """Ways from phase to phase; those that lead through states without a phase of their own, too.

    Several phases share such states: which one a run comes from, it remembers itself.
    """
    starts = [name for name, phase in phases.items() if name == phase or name in PHASE_OF_STATE]
    found = set()
    for start in starts:
        pending, seen = list(_next(definition["States"][start])), set()
        while pending:
            name = pending.pop()
            if name in seen or name not in phases:
                continue
            seen.add(name)
            if name not in starts:
                pending += _next(definition["States"][name])
            elif phases[name] != phases[start]:
                found.add((phases[start], phases[name]))
    return found


def _statuses(
    names: Iterable[str],
    visits: list[EnteredState],
    walked: list[str],
    execution: Execution,
) -> dict[str, NodeStatus]:
    found: dict[str, NodeStatus] = {}
    for visit, (phase, following) in zip(visits, pairwise([*walked, ""]), strict=True):
        leaves = phase != following
        gave_up = leaves and following == _AFTER_FAILURE
        found[phase] = "failed" if (visit.failed and leaves) or gave_up else "done"
    if walked and execution.runs:
        found[walked[-1]] = "current"
    left: NodeStatus = "waiting" if execution.runs or execution.status is None else "skipped"
    return {name: found.get(name, left) for name in names}
