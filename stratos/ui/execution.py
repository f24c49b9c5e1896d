"""An execution as Step Functions tells it: the states of its machine, and those it entered."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from stratos.cli.stack import Stack

_GONE = ("ExecutionDoesNotExist", "InvalidArn", "StateMachineDoesNotExist", "ValidationException")
"""How Step Functions says that it knows an execution no more: after 90 days."""


@dataclass(frozen=True)
class EnteredState:
    """One visit to a state.

    Attributes:
        left_at: None while the execution is in it, or where it ended there.
        failed: It ended with an error that another state took up, or that ended the execution.
    """

    name: str
    at: datetime
    left_at: datetime | None
    failed: bool = False


@dataclass(frozen=True)
class Execution:
    """What is known of one execution.

    Attributes:
        definition: Of its machine, in the states language; empty if it is known no more.
        events: Its history, the oldest first.
        status: `RUNNING`, `SUCCEEDED`, `FAILED`, `TIMED_OUT` or `ABORTED`; None if unknown.
    """

    definition: Mapping[str, Any]
    events: tuple[Mapping[str, Any], ...]
    status: str | None

    @property
    def runs(self) -> bool:
        return self.status == "RUNNING"

    def entered(self) -> list[EnteredState]:
        """Its visits to states, in order; inside a Map, only the Map's own."""
        return list(_visits(self.events, self.definition.get("States", {})))


_UNKNOWN = Execution({}, (), None)


def read_execution(stack: Stack, arn: str) -> Execution:
    """What Step Functions knows of an execution; hardly anything once it has forgotten it."""
    if not arn:
        return _UNKNOWN
    try:
        status = str(stack.states.describe_execution(executionArn=arn)["status"])
        machine = stack.states.describe_state_machine_for_execution(executionArn=arn)
        pages = stack.states.get_paginator("get_execution_history").paginate(
            executionArn=arn, includeExecutionData=False
        )
        events = tuple(event for page in pages for event in page["events"])
    except ClientError as error:
        if error.response["Error"]["Code"] not in _GONE:
            raise
        return _UNKNOWN
    return Execution(json.loads(machine["definition"]), events, status)


def _visits(
    events: Iterable[Mapping[str, Any]], states: Mapping[str, Any]
) -> Iterator[EnteredState]:
    open_: EnteredState | None = None
    ended: datetime | None = None
    broken = False
    for event in events:
        kind = str(event["type"])
        if kind.startswith("Execution") and kind != "ExecutionStarted":
            ended, broken = event["timestamp"], kind != "ExecutionSucceeded"
        if not kind.endswith("StateEntered"):
            continue
        name = str(event["stateEnteredEventDetails"]["name"])
        if states and name not in states:
            continue  # inside a Map
        if open_ is not None:
            failed = name in _caught(states.get(open_.name, {}))
            yield EnteredState(open_.name, open_.at, event["timestamp"], failed)
        open_ = EnteredState(name, event["timestamp"], None)
    if open_ is not None:
        yield EnteredState(open_.name, open_.at, ended, broken)


def _caught(state: Mapping[str, Any]) -> set[str]:
    """Where a state goes by an error alone."""
    usual = {state.get("Next"), state.get("Default")}
    usual |= {choice["Next"] for choice in state.get("Choices", ())}
    return {str(catch["Next"]) for catch in state.get("Catch", ())} - usual
