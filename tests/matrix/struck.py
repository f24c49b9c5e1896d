"""A run at the state that a fault is done to, and what works there."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import boto3
import psutil

from stratos.contracts.run import RunRow
from tests.integration.pipeline.cloud import Cloud, eventually
from tests.matrix.orders import WORKER

_LOOK_SECONDS = 0.02
_TRANSFORM = "AskBatch"
"""The job that asks a model in batches: its process is a server."""
_LONGEST_SECONDS = 60
"""That is waited for a state's exit before what struck its process is taken back."""


@dataclass
class Struck:
    """The run, the state and the cloud that a fault is done to."""

    cloud: Cloud
    run_id: str
    execution_arn: str
    """Of the execution that is at the state: the run's, or one of a worker region."""
    state: str
    kind: str
    module: str
    """Of the function that the state calls; empty where it calls none."""
    unhurt: bool = False
    """Whether a process was struck and yet did its work."""

    @property
    def has_process(self) -> bool:
        return self.kind in ("function", "answer", "job")

    @property
    def program(self) -> str:
        """A part of the command line of the process that works for the state."""
        if self.state == _TRANSFORM:
            return "-m serving "
        if self.kind == "job":
            return f"training.{step_of(self.state)}"
        return f"lambdas.handlers.{self.module}."

    @property
    def region(self) -> str:
        """Of the execution."""
        return self.execution_arn.split(":")[3]

    def processes(self) -> list[psutil.Process]:
        """Those that work for the state; waits for the first."""
        found: list[psutil.Process] = eventually(self.running, pause=_LOOK_SECONDS)
        return found

    def running(self) -> list[psutil.Process]:
        """Those of the state's program now; another region may have functions of the same name."""
        found = self.cloud.processes(self.program)
        return found if self.kind == "job" else [one for one in found if self._is_here(one)]

    def _is_here(self, process: psutil.Process) -> bool:
        try:
            return bool(process.environ().get("AWS_REGION") == self.region)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            return False

    def failed(self) -> bool:
        """Wait until the execution has left the state, and say whether its call has failed.

        A call that outlasts a minute counts as one that goes on.
        """
        states, arn = self.states, self.execution_arn
        named = self.state.removeprefix(WORKER)

        def events() -> list[dict[str, Any]]:
            """Since the state was entered."""
            history = states.get_execution_history(
                executionArn=arn, reverseOrder=True, maxResults=50
            )["events"]
            entered = (event.get("stateEnteredEventDetails", {}) for event in history)
            since = [details.get("name") == named for details in entered]
            return list(history[: since.index(True)]) if True in since else list(history)

        def left() -> bool:
            if states.describe_execution(executionArn=arn)["status"] != "RUNNING":
                return True
            exits = (event.get("stateExitedEventDetails", {}) for event in events())
            return any(details.get("name") == named for details in exits)

        with suppress(AssertionError):
            eventually(left, _LONGEST_SECONDS)
        return any(event["type"].endswith(("Failed", "TimedOut")) for event in events())

    @property
    def states(self) -> Any:
        """A client of Step Functions in the execution's region."""
        return boto3.client("stepfunctions", region_name=self.region)

    @property
    def row(self) -> RunRow | None:
        """None before the run is claimed."""
        return self.cloud.row(self.run_id)

    @property
    def event(self) -> str:
        """The upload event that began the run, as JSON."""
        row = self.row
        claimed = None if row is None else row.execution_arn
        arn = claimed or self.execution_arn
        return str(self.cloud.stack.states.describe_execution(executionArn=arn)["input"])


def step_of(state: str) -> str:
    """The step whose job a state waits for, as its program and its label have it."""
    return state.removesuffix("Shard").removesuffix("Large").lower()
