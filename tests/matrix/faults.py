"""The faults of the matrix, and what each is to a state of each kind."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from infra.local.saved.acknowledged import KILLED
from infra.states.definition_reader import State, reads
from tests.matrix.data import RUN

JOB = "<job>"
"""Stands for the name of the job that is struck."""


class Fault(StrEnum):
    """What is done to a run while it is at a state."""

    ERROR = "error of its call"
    THROTTLED = "throttling"
    TIMED_OUT = "time-out"
    ABORTED = "abort by hand"
    PROCESS_KILLED = "process killed"
    OUT_OF_MEMORY = "machine out of memory"
    DISK_FULL = "disk full"
    CLOUD_KILLED = "embedded cloud killed and back"
    INPUTS_GONE = "inputs changed or deleted"
    CLOCK_JUMP = "clock jump"
    EVENT_TWICE = "event twice and late"


@dataclass(frozen=True)
class Strike:
    """One way in which a fault shows itself at a state."""

    error: str = ""
    cause: str = ""
    after: bool = False
    """Whether what the state calls has been done when it strikes."""
    once: bool = False
    """Whether the next try is spared."""
    ends_jobs: bool = False
    """Whether the state's job is over with it."""
    aborts: bool = False
    outlasts: bool = False
    """Whether the execution outlasts its time limit."""
    removes: str = ""
    """A path that leads nowhere in the state's data."""
    doubles: bool = False
    """Whether nothing fails, but the events of the run are delivered again."""

    def without(self, data: Any) -> Any:
        """The data as the state then finds it."""
        parents, _, name = self.removes.removeprefix("$.").rpartition(".")
        left = found = copy.deepcopy(data)
        for part in filter(None, parents.split(".")):
            found = found.get(part, {})
        found.pop(name, None)
        return left


def kind_of(state: State) -> str:
    """What a state is to a fault."""
    resource = str(state.get("Resource", ""))
    if state["Type"] != "Task":
        return {"Succeed": "end", "Fail": "end"}.get(state["Type"], state["Type"].lower())
    if resource.endswith(".waitForTaskToken"):
        return "answer"
    if resource.endswith(".sync"):
        return "job"
    return "call" if ":states:::" in resource else "function"


def strikes(state: State, fault: Fault) -> tuple[Strike, ...] | str:
    """How a fault shows itself at a state; in words, why it cannot."""
    kind = kind_of(state)
    if kind == "end":
        return "the run has ended: nothing is called, awaited or read"
    match fault:
        case Fault.ABORTED:
            by_hand = (Strike(aborts=True, after=True),)
            return (*by_hand, Strike(aborts=True, after=True, cause="too dear: cancelled by Ann"))
        case Fault.CLOUD_KILLED:
            return (Strike(aborts=True, after=True, cause=KILLED),)
        case Fault.CLOCK_JUMP:
            return (Strike(outlasts=True, after=True),)
        case Fault.EVENT_TWICE:
            return (Strike(doubles=True),)
        case Fault.INPUTS_GONE if kind in ("choice", "wait", "pass"):
            paths = [path for path in reads(state) if path.count(".") and "[" not in path]
            return tuple(Strike(removes=path) for path in paths) or "it reads nothing"
    if kind in ("choice", "wait", "pass"):
        return f"a {kind.title()} calls nothing: no process, machine or service of ours takes part"
    found = _OF_KIND[kind].get(fault, _NO_CALL if kind == "map" else _NO_PROCESS)
    if isinstance(found, str):
        return found
    service = _service(state)
    named = [_named(strike, service) for strike in found]
    return tuple(one for strike in named for one in (strike, _once(strike)))


def _once(strike: Strike) -> Strike:
    return Strike(**{**vars(strike), "once": True})


def _named(strike: Strike, service: str) -> Strike:
    return Strike(**{**vars(strike), "error": strike.error.replace("<Service>", service)})


def _service(state: State) -> str:
    names = {"applicationautoscaling": "ApplicationAutoScaling", "cloudwatch": "CloudWatch"}
    resource = str(state.get("Resource", ""))
    return next((name for key, name in names.items() if f":{key}:" in resource), "SageMaker")


def _raised(error: str, message: str, *, after: bool = False) -> Strike:
    """What a function ended with."""
    cause = json.dumps({"errorType": error, "errorMessage": message})
    return Strike(error, cause, after=after)


def _failed(reason: str, secondary: str = "Failed", status: str = "Failed") -> Strike:
    """A job that ended, with what SageMaker says of it."""
    described = {
        "TrainingJobName": JOB,
        "TrainingJobStatus": status,
        "TransformJobStatus": status,
        "SecondaryStatus": secondary,
        "FailureReason": reason,
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
    }
    return Strike("States.TaskFailed", json.dumps(described), after=True, ends_jobs=True)


_NO_PROCESS = "the call is AWS's own: no process or disk of ours takes part in it"
_NO_CALL = "a Map calls nothing itself: the states of its items have rows of their own"
_TIME_OUT = Strike("States.Timeout", after=True)
_FUNCTION: Mapping[Fault, tuple[Strike, ...]] = {
    Fault.ERROR: (
        _raised("KeyError", "'plan'"),
        Strike("Lambda.ServiceException", "Lambda was unable to process the request"),
        Strike("States.DataLimitExceeded", "the result has 300000 bytes", after=True),
        Strike("States.Runtime", "an intrinsic function could not be applied", after=True),
    ),
    Fault.THROTTLED: (Strike("Lambda.TooManyRequestsException", "Rate Exceeded."),),
    Fault.TIMED_OUT: (
        _raised("Sandbox.Timedout", "Task timed out after 60.00 seconds", after=True),
        _TIME_OUT,
    ),
    Fault.PROCESS_KILLED: (_raised("Runtime.ExitError", "signal: killed", after=True),),
    Fault.OUT_OF_MEMORY: (
        _raised("Runtime.ExitError", "Runtime exited with error: signal: killed", after=True),
        _raised("Runtime.OutOfMemory", "Runtime ran out of memory", after=True),
    ),
    Fault.DISK_FULL: (_raised("OSError", "[Errno 28] No space left on device", after=True),),
    Fault.INPUTS_GONE: (
        _raised("FileNotFoundError", f"specs/tiles/{RUN['run_id']}.jsonl is not there"),
    ),
}
_OF_KIND: Mapping[str, Mapping[Fault, tuple[Strike, ...]]] = {
    "function": _FUNCTION,
    "answer": {
        **_FUNCTION,
        Fault.TIMED_OUT: (*_FUNCTION[Fault.TIMED_OUT], Strike("States.HeartbeatTimeout", "", True)),
    },
    "job": {
        Fault.ERROR: (
            Strike("SageMaker.AmazonSageMakerException", "no such image (ValidationException)"),
            _failed("InternalServerError: try again"),
            _failed("", "Stopped", "Stopped"),
        ),
        Fault.THROTTLED: (
            Strike("SageMaker.AmazonSageMakerException", "Rate exceeded (ThrottlingException)"),
            Strike("SageMaker.AmazonSageMakerException", "limit (ResourceLimitExceeded)"),
        ),
        Fault.TIMED_OUT: (_TIME_OUT, _failed("", "MaxRuntimeExceeded", "Stopped")),
        Fault.PROCESS_KILLED: (_failed("AlgorithmError: , exit code: 137"),),
        Fault.OUT_OF_MEMORY: (_failed("ClientError: use an instance type with more memory"),),
        Fault.DISK_FULL: (
            _failed("AlgorithmError: OSError: [Errno 28] No space left on device, exit code: 1"),
        ),
        Fault.INPUTS_GONE: (_failed("ClientError: Data download failed: NoSuchKey"),),
    },
    "call": {
        Fault.ERROR: (
            Strike("<Service>.<Service>Exception", "refused"),
            Strike("<Service>.ResourceLimitExceededException", "the account's limit is 2"),
        ),
        Fault.THROTTLED: (Strike("<Service>.ThrottlingException", "Rate exceeded"),),
        Fault.TIMED_OUT: (
            _TIME_OUT,
            Strike("<Service>.SdkClientException", "no answer in time", after=True),
        ),
        Fault.INPUTS_GONE: (Strike("<Service>.ResourceNotFoundException", "it was deleted"),),
    },
    "map": {
        Fault.ERROR: (Strike("States.ExceedToleratedFailureThreshold", "an item failed"),),
        Fault.INPUTS_GONE: (Strike("States.ItemReaderFailed", "the manifest is not there"),),
    },
}
