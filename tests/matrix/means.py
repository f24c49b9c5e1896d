"""By what means a fault is done to a run of real processes."""

from __future__ import annotations

import json
import os
import resource
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
from stratos.contracts.bucket import SPEC_FILE, SPEC_PREFIX
from tests.integration.pipeline.cloud import (
    Cloud,
    eventually,
    servers_of_this_machine,
)
from tests.matrix.faults import JOB, Fault, Strike, kind_of, strikes
from tests.matrix.orders import Order
from tests.matrix.struck import Struck

_MEMORY_BYTES = 64 * 2**20
"""Below what the interpreter alone has, so that the next allocation fails."""
_LIMITS = "set on the process while it runs, as `prlimit` does"
_STATES_OF_A_DUPLICATE = 2
"""It is claimed in vain, and ends."""


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
        return _OF_ANY[fault]
    if fault in _OF_PROCESSES:
        return (_OF_PROCESSES[fault],) if kind_of(state) in ("function", "answer", "job") else ()
    return tuple(_failing(one) for one in found if one.once and not _is_a_jobs_end(one))


def _is_a_jobs_end(strike: Strike) -> bool:
    """Whether it tells of a job that has failed: here, jobs fail themselves."""
    return strike.ends_jobs or JOB in strike.cause


def _failing(strike: Strike) -> Means:
    moment = "after what it calls was done" if strike.after else "in place of its call"
    order = Order("fail", strike.error, strike.cause, strike.after)
    named = f"{strike.error} ({strike.cause})" if _only_its_cause_tells(strike) else strike.error
    return Means(f"{named}, once, {moment}", order)


def _only_its_cause_tells(strike: Strike) -> bool:
    """Whether other failures have the same name."""
    return strike.error.endswith(".AmazonSageMakerException")


def _end_idle(struck: Struck) -> None:
    """So that a process begins for the state, which can be told from one of before."""
    if struck.kind != "job":
        for process in struck.running():
            with suppress(psutil.NoSuchProcess):
                process.kill()
        eventually(lambda: not struck.running())


@contextmanager
def _killed(struck: Struck) -> Iterator[None]:
    _end_idle(struck)
    yield
    for process in struck.processes():
        with suppress(psutil.NoSuchProcess):
            process.kill()
    struck.unhurt = struck.kind != "job" and not struck.failed()


def _limited(kind: int, most: int) -> Callable[[Struck], AbstractContextManager[None]]:
    @contextmanager
    def limited(struck: Struck) -> Iterator[None]:
        _end_idle(struck)
        yield
        before = {}
        try:
            for process in struck.processes():
                with suppress(ProcessLookupError):
                    before[process.pid] = resource.prlimit(process.pid, kind)
                    resource.prlimit(process.pid, kind, (most, before[process.pid][1]))
            struck.unhurt = struck.kind != "job" and not struck.failed()
        finally:  # a warm process is not to be found without memory by a later state
            for pid, limits in before.items():
                with suppress(ProcessLookupError):
                    resource.prlimit(pid, kind, limits)

    return limited


def _stopped_at_work(struck: Struck) -> AbstractContextManager[None]:
    def stop() -> None:
        struck.states.stop_execution(executionArn=struck.execution_arn)

    return _at_work(struck, stop)


@contextmanager
def _at_work(struck: Struck, strike: Callable[[], object]) -> Iterator[None]:
    """Strike a state while its process works; one that has none, before it goes on."""
    if struck.has_process:
        _end_idle(struck)
        yield
        struck.processes()
        strike()
    else:
        strike()
        yield


def _cloud_killed(struck: Struck) -> AbstractContextManager[None]:
    def kill() -> None:
        settings = struck.cloud.settings
        pid = status(settings).pid
        assert pid is not None
        daemon = psutil.Process(pid)
        daemon.kill()
        daemon.wait()  # it is a child of this process: until then its number is taken
        url, _ = bring_up(settings, struck.cloud.assembly, measure=servers_of_this_machine)
        os.environ.update(settings.client_environment(url))
        boto3.setup_default_session()
        struck.cloud.url, struck.cloud.stack = url, Stack.find()

    return _at_work(struck, kill)


@contextmanager
def _inputs_gone(struck: Struck) -> Iterator[None]:
    """Every version of every file of the spec."""
    stack = struck.cloud.stack
    for version in _versions(struck):
        stack.s3.delete_object(
            Bucket=stack.bucket, Key=version["Key"], VersionId=version["VersionId"]
        )
    yield


@contextmanager
def _inputs_changed(struck: Struck) -> Iterator[None]:
    """Every file but the spec itself, which would begin another run."""
    stack = struck.cloud.stack
    for key in {version["Key"] for version in _versions(struck)}:
        if not key.endswith(f"/{SPEC_FILE}"):
            body = f"changed at {struck.state}".encode()
            stack.s3.put_object(Bucket=stack.bucket, Key=key, Body=body)
    yield


def _versions(struck: Struck) -> list[dict[str, Any]]:
    """Of every file of the spec."""
    stack = struck.cloud.stack
    prefix = json.loads(struck.event)["detail"]["object"]["key"].rpartition("/")[0] + "/"
    assert prefix.startswith(SPEC_PREFIX)
    pages = stack.s3.get_paginator("list_object_versions")
    found = pages.paginate(Bucket=stack.bucket, Prefix=prefix)
    return [version for page in found for version in page.get("Versions", ())]


@contextmanager
def _event_again(struck: Struck) -> Iterator[None]:
    if struck.row is None:  # the second may be the one that goes on
        deliver(struck.cloud, struck.event)
    else:
        require_no_second_run(struck.cloud, deliver(struck.cloud, struck.event))
    yield


def deliver(cloud: Cloud, event: str) -> str:
    """Start an execution as EventBridge does; returns its ARN."""
    started = cloud.stack.states.start_execution(
        stateMachineArn=cloud.stack.state_machine_arn, input=event
    )
    return str(started["executionArn"])


def require_no_second_run(cloud: Cloud, execution_arn: str) -> None:
    """
    Raises:
        AssertionError: The execution of a claimed event did more than to see that it is claimed.
    """
    states = cloud.stack.states
    ended = eventually(
        lambda: (
            found
            if (found := states.describe_execution(executionArn=execution_arn))["status"]
            != "RUNNING"
            else None
        )
    )
    history = states.get_execution_history(executionArn=execution_arn)["events"]
    entered = [
        e["stateEnteredEventDetails"]["name"] for e in history if "stateEnteredEventDetails" in e
    ]
    assert ended["status"] == "SUCCEEDED", f"the second delivery ended as {ended['status']}"
    assert len(entered) <= _STATES_OF_A_DUPLICATE, f"the second delivery went on: {entered}"


_MOMENT = "while its process works, or at a state without one"
_HOLD, _ALONE = Order("hold"), Order("hold", alone=True)
_OF_ANY: dict[Fault, tuple[Means, ...]] = {
    Fault.ABORTED: (Means(f"StopExecution, {_MOMENT}", _ALONE, _stopped_at_work),),
    Fault.CLOUD_KILLED: (
        Means(f"SIGKILL of the daemon, {_MOMENT}, then `stratos local up`", _ALONE, _cloud_killed),
    ),
    Fault.INPUTS_GONE: (
        Means("new versions of all files beside the spec", _HOLD, _inputs_changed),
        Means("every version of the spec's files deleted", _ALONE, _inputs_gone),
    ),
    Fault.CLOCK_JUMP: (
        Means(
            "the execution's clock put past its limit, at once or while its call is under way",
            Order("outlast", alone=True),
        ),
    ),
    Fault.EVENT_TWICE: (
        Means(
            "the same event starts an execution again, there and once the run is over",
            _HOLD,
            _event_again,
        ),
    ),
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
