"""Why a run ended as it did and what to do, in words, from what Step Functions caught."""

from __future__ import annotations

import inspect
import json
from fnmatch import fnmatchcase
from typing import Any

from stratos import errors
from stratos.pipeline.steps import JobFailure

DOMAIN_ERRORS = frozenset(
    name
    for name, value in inspect.getmembers(errors, inspect.isclass)
    if issubclass(value, errors.StratosError)
)
"""Their messages say themselves what to do."""
STOPPED = "Execution ABORTED"
_LONGEST = 1_000
_AGAIN = "upload the spec again"
TO_DO = {
    STOPPED: f"To run it after all, {_AGAIN}",
    "States.Timeout": f"See in the execution's history which state was late, then {_AGAIN}",
    "States.DataLimitExceeded": "Report it: no run should carry so much",
    "States.Runtime": "Report it with the execution's history: it is no fault of the spec",
    "States.*": f"The execution's history has the details; {_AGAIN}",
    "Sandbox.Timedout": f"The function's log group says how far it came; {_AGAIN}",
    "Runtime.*": f"A function's process ended, mostly for memory: see its log group, then {_AGAIN}",
    "MemoryError": f"See the function's log group, then {_AGAIN}",
    "FileNotFoundError": f"It was deleted meanwhile: {_AGAIN}, with all its files",
    "*.ThrottlingException": f"It was tried several times; in a while, {_AGAIN}",
    "*.SdkClientException": f"It was tried several times; in a while, {_AGAIN}",
    "Lambda.*": f"It was tried several times; in a while, {_AGAIN}",
    "SageMaker.*": f"Change what it names, such as a quota or a right; otherwise just {_AGAIN}",
    "CloudWatch.*": f"It was tried several times; in a while, {_AGAIN}",
    "ApplicationAutoScaling.*": f"It was tried several times; in a while, {_AGAIN}",
}
"""Pattern of an error's name that is not ours → what to do about it; the first that fits counts."""
_UNEXPECTED = f"It is no fault of the spec: {_AGAIN}, and report it if it returns"
_TO_DO_OF_JOB = {
    "capacity": f"Allow more instance types or regions, or {_AGAIN} in a while",
    "quota": f"Ask AWS for more under Service Quotas, then {_AGAIN}",
    "unreachable": f"When the region answers, {_AGAIN}",
    "crash": f"`stratos logs RUN` has the job's last words; then {_AGAIN}",
    "timeout": f"Allow more hours or a faster server in the spec, and {_AGAIN}",
    "stopped": f"To run it after all, {_AGAIN}",
    "user_error": f"Change what it names, then {_AGAIN}",
}
"""By what became of it, as `stratos.pipeline.steps.JobOutcome` has it."""
ADVICE = frozenset({*TO_DO.values(), *_TO_DO_OF_JOB.values(), _UNEXPECTED})
"""One of these ends what is told of a failure whose own message is not one of ours."""
_WITHOUT_CAUSE = {
    STOPPED: "by hand",
    "States.Timeout": "a state of the execution exceeded its time limit",
    "States.DataLimitExceeded": "a state's data exceeded the 256 KiB that Step Functions carries",
    "States.Runtime": "the state machine could not process its data",
    "MemoryError": "a function's memory did not suffice",
}


def explain(failure: JobFailure) -> str:
    """Return `Error: message`, whatever shape the cause has: a Lambda's, a job's, or text."""
    message = _message(failure.Cause) or _WITHOUT_CAUSE.get(failure.Error, "no cause was given")
    if failure.Error == STOPPED:
        return f"the execution was stopped {message}"[:_LONGEST]
    return f"{failure.Error}: {message}"[:_LONGEST]


def explain_and_advise(failure: JobFailure) -> str:
    """The same, and what to do where the message is not one of ours, which says so itself."""
    return _advised(explain(failure), to_do(failure.Error))


def to_do(error: str) -> str:
    """What to do about an error by its name; empty where its own message says it."""
    if error in DOMAIN_ERRORS:
        return ""
    return next((do for name, do in TO_DO.items() if fnmatchcase(error, name)), _UNEXPECTED)


def cut_short(detail: dict[str, Any]) -> JobFailure:
    """Why an execution ended, from its status change: it ran no state that could tell.

    Args:
        detail: Of the event `Step Functions Execution Status Change`.
    """
    error, cause = detail.get("error"), detail.get("cause")
    if detail["status"] == "ABORTED":
        why = ": ".join(filter(None, (error, cause)))
        return JobFailure(Error=STOPPED, Cause=f"because {why}" if why else "")
    if detail["status"] == "TIMED_OUT":
        late = "the execution exceeded its time limit"
        return JobFailure(Error="States.Timeout", Cause=cause or late)
    return JobFailure(Error=error or f"Execution {detail['status']}", Cause=cause or "")


def failure_in(state: dict[str, Any]) -> JobFailure | None:
    """The caught error in the execution's data, if there is one."""
    caught = state.get("failure")
    if not isinstance(caught, dict) or "Error" not in caught:
        return None
    return JobFailure(Error=str(caught["Error"]), Cause=str(caught.get("Cause", "")))


def reason_in(state: dict[str, Any]) -> str | None:
    """Why the execution failed: its last failed job's diagnosis, a missed gate, or the error."""
    diagnosis, quality, failure = state.get("diagnosis"), state.get("quality"), failure_in(state)
    if isinstance(diagnosis, dict) and diagnosis.get("retry") is False:
        step, outcome = diagnosis.get("job", {}).get("step", "a job"), diagnosis.get("outcome")
        reason = f"{step}: {outcome}: {diagnosis.get('reason')}"
        return _advised(reason, _TO_DO_OF_JOB.get(str(outcome), ""))
    if isinstance(quality, dict) and quality.get("passed") is False and failure is None:
        return f"QualityGateError: {quality.get('reason')}"
    return explain_and_advise(failure) if failure else None


def _advised(told: str, do: str) -> str:
    """One text of two sentences; the second may be missing."""
    return f"{told.rstrip(' .')}. {do}." if do else told


def _message(cause: str) -> str:
    try:
        details = json.loads(cause)
    except ValueError:
        return cause.strip()
    if isinstance(details, dict):
        for field in ("errorMessage", "FailureReason"):
            if details.get(field):
                return str(details[field]).strip()
        if "errorType" in details:  # what a function raised, without a word
            return ""
    return cause.strip()
