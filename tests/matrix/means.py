"""By what means a fault is done to a run of real processes."""

from __future__ import annotations

import json
import os
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import boto3
import psutil

from infra.local.cli import bring_up
from infra.local.daemon import status
from infra.states.definition_reader import State
from stratos.cli.stack import Stack
from stratos.contracts.bucket import SPEC_PREFIX
from stratos.contracts.run import RunRow
from tests.integration.pipeline.cloud import (
    ASSEMBLY,
    Cloud,
    eventually,
    servers_of_this_machine,
)
from tests.matrix.faults import JOB, Fault, Strike, kind_of, strikes
from tests.matrix.orders import Order

_MEMORY_BYTES = 64 * 2**20
"""Below what the interpreter alone has, so that the next allocation fails."""
_LIMITS = "set on the process while it runs, as `prlimit` does"
_LOOK_SECONDS = 0.02


@dataclass
class Struck:
    """The run, the state and the cloud that a fault is done to."""

    cloud: Cloud
    run_id: str
    execution_arn: str
    state: str
    kind: str
    module: str
    """Of the function that the state calls; empty where it calls none."""

    @property
    def program(self) -> str:
        """A part of the command line of the process that works for the state."""
        if self.kind == "job":
            step = self.state.removesuffix("Shard").removesuffix("Large").lower()
            return f"training.{step}"
        return f"lambdas.handlers.{self.module}."

    def processes(self) -> list[psutil.Process]:
        """Those that work for the state; waits for the first."""
        found: list[psutil.Process] = eventually(
            lambda: self.cloud.processes(self.program), pause=_LOOK_SECONDS
        )
        return found

    def await_exit(self) -> None:
        """Wait until the execution has left the state, or is over."""

        def left() -> bool:
            states, arn = self.cloud.stack.states, self.execution_arn
            if states.describe_execution(executionArn=arn)["status"] != "RUNNING":
                return True
            history = states.get_execution_history(
                executionArn=arn, reverseOrder=True, maxResults=50
            )
            events = (event.get("stateExitedEventDetails") for event in history["events"])
            return any(one["name"] == self.state for one in events if one)

        eventually(left, doing=lambda: self.cloud.doing(self.run_id))

    @property
    def row(self) -> RunRow | None:
        """None before the run is claimed."""
        return self.cloud.row(self.run_id)

    @property
    def event(self) -> str:
        """The upload event that began the execution, as JSON."""
        found = self.cloud.stack.states.describe_execution(executionArn=self.execution_arn)
        return str(found["input"])


@dataclass(frozen=True)
class Means:
    """A way to do a fault."""

    told: str
    """In words, for the table."""
    order: Order
    """What the cloud is told to do once a run is at the state."""
    strike: Callable[[Struck], AbstractContextManager[None]] | None = None
    """Done to a run that is held there: what comes before it goes on, and what comes after."""


def means_for(state: State, fault: Fault) -> tuple[Means, ...]:
    """How a fault is done to a state; none where it has nothing that the fault could strike."""
    found = strikes(state, fault)
    if isinstance(found, str):
        return ()
    if fault in _OF_ANY:
        return (_OF_ANY[fault],)
    if fault in _OF_PROCESSES:
        return (_OF_PROCESSES[fault],) if kind_of(state) in ("function", "answer", "job") else ()
    return tuple(_failing(one) for one in found if one.once and not _is_a_jobs_end(one))


def _is_a_jobs_end(strike: Strike) -> bool:
    """Whether it tells of a job that has failed: here, jobs fail themselves."""
    return strike.ends_jobs or JOB in strike.cause


def _failing(strike: Strike) -> Means:
    moment = "after what it calls was done" if strike.after else "in place of its call"
    order = Order("fail", strike.error, strike.cause, strike.after)
    return Means(f"{strike.error}, once, {moment}", order)


def _end_idle(struck: Struck) -> None:
    """So that a process begins for the state, which can be told from one of before."""
    if struck.kind != "job":
        for process in struck.cloud.processes(struck.program):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        eventually(lambda: not struck.cloud.processes(struck.program))


@contextmanager
def _killed(struck: Struck) -> Iterator[None]:
    _end_idle(struck)
    yield
    for process in struck.processes():
        with suppress(psutil.NoSuchProcess):
            process.kill()


def _limited(kind: int, most: int) -> Callable[[Struck], AbstractContextManager[None]]:
    @contextmanager
    def limited(struck: Struck) -> Iterator[None]:
        _end_idle(struck)
        yield
        found = struck.processes()
        before = {}
        for process in found:
            with suppress(ProcessLookupError):
                before[process.pid] = resource.prlimit(process.pid, kind)
                hard = before[process.pid][1]
                resource.prlimit(process.pid, kind, (most, hard))
        if struck.kind == "job":
            return
        # A warm process is not to be found without memory by a later state.
        struck.await_exit()
        for pid, limits in before.items():
            with suppress(ProcessLookupError):
                resource.prlimit(pid, kind, limits)

    return limited


@contextmanager
def _stopped(struck: Struck) -> Iterator[None]:
    struck.cloud.stack.states.stop_execution(executionArn=struck.execution_arn)
    yield


@contextmanager
def _cloud_killed(struck: Struck) -> Iterator[None]:
    settings = struck.cloud.settings
    pid = status(settings).pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not psutil.pid_exists(pid))
    url, _ = bring_up(settings, ASSEMBLY, measure=servers_of_this_machine)
    os.environ.update(settings.client_environment(url))
    boto3.setup_default_session()
    struck.cloud.url, struck.cloud.stack = url, Stack.find()
    yield


@contextmanager
def _inputs_gone(struck: Struck) -> Iterator[None]:
    """Every version of every file of the spec."""
    stack = struck.cloud.stack
    prefix = json.loads(struck.event)["detail"]["object"]["key"].rpartition("/")[0] + "/"
    assert prefix.startswith(SPEC_PREFIX)
    pages = stack.s3.get_paginator("list_object_versions")
    for page in pages.paginate(Bucket=stack.bucket, Prefix=prefix):
        for version in page.get("Versions", ()):
            stack.s3.delete_object(
                Bucket=stack.bucket, Key=version["Key"], VersionId=version["VersionId"]
            )
    yield


@contextmanager
def _event_again(struck: Struck) -> Iterator[None]:
    states, claimed = struck.cloud.stack.states, struck.row is not None
    started = states.start_execution(
        stateMachineArn=struck.cloud.stack.state_machine_arn, input=struck.event
    )

    def ended() -> Any:
        found = states.describe_execution(executionArn=started["executionArn"])
        return found if found["status"] != "RUNNING" else None

    if claimed:  # otherwise the second may be the one that goes on
        found = eventually(ended)
        assert found["status"] == "SUCCEEDED", f"the second delivery ended as {found['status']}"
    yield


_HOLD, _ALONE = Order("hold"), Order("hold", alone=True)
_OF_ANY = {
    Fault.ABORTED: Means("StopExecution", _ALONE, _stopped),
    Fault.CLOUD_KILLED: Means(
        "SIGKILL of the daemon, then `stratos local up`", _ALONE, _cloud_killed
    ),
    Fault.INPUTS_GONE: Means("every version of the spec's files deleted", _ALONE, _inputs_gone),
    Fault.CLOCK_JUMP: Means(
        "the execution's clock put past its limit", Order("outlast", alone=True)
    ),
    Fault.EVENT_TWICE: Means("the same event starts an execution again", _HOLD, _event_again),
}
_OF_PROCESSES = {
    Fault.PROCESS_KILLED: Means("SIGKILL of the state's processes", _HOLD, _killed),
    Fault.OUT_OF_MEMORY: Means(
        f"RLIMIT_AS of {_MEMORY_BYTES // 2**20} MiB, {_LIMITS}",
        _HOLD,
        _limited(resource.RLIMIT_AS, _MEMORY_BYTES),
    ),
    Fault.DISK_FULL: Means(
        f"RLIMIT_FSIZE of 0: no file takes a byte more, {_LIMITS}",
        _HOLD,
        _limited(resource.RLIMIT_FSIZE, 0),
    ),
}
