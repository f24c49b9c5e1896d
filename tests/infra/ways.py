"""Ways through the state machine, and the errors that may be met on them."""

from __future__ import annotations

from collections.abc import Mapping

from infra.states.definition_reader import State, next_states


def all_errors(root: type[Exception]) -> set[type[Exception]]:
    return {root}.union(*(all_errors(child) for child in root.__subclasses__()))


def all_ways(states: Mapping[str, State], start: str, *, until: set[str]) -> set[str]:
    """Every state that may come between one and some others."""
    pending, seen = [start], set(until)
    while pending:
        name = pending.pop()
        if name not in seen:
            seen.add(name)
            pending += next_states(states[name])
    return seen - until


def reaches(states: Mapping[str, State], start: str, goals: set[str]) -> bool:
    """Whether every way on from a state meets a goal, retries of jobs aside."""
    pending, seen = [start], set()
    while pending:
        name = pending.pop()
        if name in goals or name in seen or name.startswith("Retry"):
            continue
        seen.add(name)
        following = next_states(states[name])
        if not following:
            return False
        pending += following
    return True
