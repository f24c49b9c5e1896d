"""By what means a fault is done to a run of real processes, and where there is none here."""

from __future__ import annotations

import json
import os
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
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
from tests.integration.pipeline.cloud import ASSEMBLY, Cloud, eventually, servers_of_this_machine
from tests.matrix.faults import Fault, kind_of

_MEMORY_BYTES = 64 * 2**20
"""Below what the interpreter alone has, so that the next allocation fails."""
_WORD = "limits are set on a process that runs, as `prlimit` does"


@dataclass
class Struck:
    """The run, the state and the cloud that a fault is done to."""

    cloud: Cloud
    run_id: str
    state: str
    kind: str
    module: str
    """Of the function that the state calls; empty where it calls none."""

    @property
    def program(self) -> str:
        """A part of the command line of the process that works for the state."""
        if self.kind == "job":
            return f"training.{self.state.lower().removesuffix('large')}"
        return f"lambdas.handlers.{self.module}"

    def processes(self) -> list[psutil.Process]:
        """Those that work for the state now; waits for the first."""
        found: list[psutil.Process] = eventually(lambda: self.cloud.processes(self.program))
        return found

    @property
    def row(self) -> RunRow:
        row: RunRow = eventually(lambda: self.cloud.row(self.run_id))
        return row


@dataclass(frozen=True)
class Means:
    """A way to do a fault."""

    told: str
    """In words, for the table."""
    strike: Callable[[Struck], None] | None = None
    """Done once the run is at the state."""
    around: Callable[[Cloud, str], AbstractContextManager[None]] | None = None
    """Done from before the run on, given the function's module."""


def means_for(state: State, fault: Fault) -> Means | None:
    """How a fault is done to a state; None where this machine has no means."""
    kind = kind_of(state)
    if fault in _OF_ANY:
        return _OF_ANY[fault]
    if kind == "function" and fault in _OF_FUNCTIONS:
        return _OF_FUNCTIONS[fault]
    return _OF_PROCESSES.get(fault) if kind in ("function", "job") else None


def _kill(struck: Struck) -> None:
    for process in struck.processes():
        process.kill()


def _limit(kind: int, most: int) -> Callable[[Struck], None]:
    def strike(struck: Struck) -> None:
        for process in struck.processes():
            resource.prlimit(process.pid, kind, (most, most))

    return strike


def _stop(struck: Struck) -> None:
    struck.cloud.stack.states.stop_execution(executionArn=struck.row.execution_arn)


def _kill_cloud(struck: Struck) -> None:
    settings = struck.cloud.settings
    pid = status(settings).pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=60)
    url, _ = bring_up(settings, ASSEMBLY, measure=servers_of_this_machine)
    os.environ.update(settings.client_environment(url))
    boto3.setup_default_session()
    struck.cloud.url, struck.cloud.stack = url, Stack.find()


def _delete_inputs(struck: Struck) -> None:
    """Every version of every file of the spec."""
    stack, prefix = struck.cloud.stack, struck.row.spec_key.rpartition("/")[0] + "/"
    assert prefix.startswith(SPEC_PREFIX)
    pages = stack.s3.get_paginator("list_object_versions")
    for page in pages.paginate(Bucket=stack.bucket, Prefix=prefix):
        for version in page.get("Versions", ()):
            stack.s3.delete_object(
                Bucket=stack.bucket, Key=version["Key"], VersionId=version["VersionId"]
            )


def _deliver_again(struck: Struck) -> None:
    row = struck.row
    machine = struck.cloud.stack.state_machine_arn
    event = {
        "detail-type": "Object Created",
        "detail": {
            "bucket": {"name": struck.cloud.stack.bucket},
            "object": {"key": row.spec_key, "version-id": row.spec_version_id},
        },
    }
    started = struck.cloud.stack.states.start_execution(
        stateMachineArn=machine, input=json.dumps(event)
    )
    arn = started["executionArn"]

    def ended() -> Any:
        found = struck.cloud.stack.states.describe_execution(executionArn=arn)
        return found if found["status"] != "RUNNING" else None

    found = eventually(ended)
    assert found["status"] == "SUCCEEDED", f"the second delivery ended as {found['status']}"


@contextmanager
def _without_handler(cloud: Cloud, module: str) -> Iterator[None]:
    with _configured(cloud, module, Handler="lambdas.handlers.nowhere.handler"):
        yield


@contextmanager
def _without_time(cloud: Cloud, module: str) -> Iterator[None]:
    with _configured(cloud, module, Timeout=1):
        yield


@contextmanager
def _configured(cloud: Cloud, module: str, **changes: Any) -> Iterator[None]:
    functions, name = cloud.client("lambda"), f"stratos-{module.replace('_', '-')}"
    found = functions.get_function_configuration(FunctionName=name)
    functions.update_function_configuration(FunctionName=name, **changes)
    try:
        yield
    finally:
        before = {field: found[field] for field in changes}
        cloud.client("lambda").update_function_configuration(FunctionName=name, **before)


_OF_ANY = {
    Fault.ABORTED: Means("StopExecution", strike=_stop),
    Fault.CLOUD_KILLED: Means("SIGKILL of the daemon, then `stratos local up`", strike=_kill_cloud),
    Fault.INPUTS_GONE: Means("every version of the spec's files deleted", strike=_delete_inputs),
    Fault.EVENT_TWICE: Means("the same event starts an execution again", strike=_deliver_again),
}
_OF_FUNCTIONS = {
    Fault.ERROR: Means("the function's handler is not there", around=_without_handler),
    Fault.TIMED_OUT: Means("the function's time-out set to 1 s", around=_without_time),
}
_OF_PROCESSES = {
    Fault.PROCESS_KILLED: Means("SIGKILL of the state's processes", strike=_kill),
    Fault.OUT_OF_MEMORY: Means(
        f"RLIMIT_AS of {_MEMORY_BYTES // 2**20} MiB: {_WORD}",
        strike=_limit(resource.RLIMIT_AS, _MEMORY_BYTES),
    ),
    Fault.DISK_FULL: Means(
        f"RLIMIT_FSIZE of 0 bytes, no file takes a byte more: {_WORD}",
        strike=_limit(resource.RLIMIT_FSIZE, 0),
    ),
}
NO_MEANS = "this machine has no means that needs no privilege"
