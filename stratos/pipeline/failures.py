"""Why a run ended as it did, in words, from what Step Functions caught."""

from __future__ import annotations

import json
from typing import Any

from stratos.pipeline.steps import JobFailure

_LONGEST = 1_000
_WITHOUT_CAUSE = {
    "States.Timeout": "a state of the execution exceeded its time limit",
    "States.DataLimitExceeded": "a state's data exceeded the 256 KiB that Step Functions carries",
    "States.Runtime": "the state machine could not process its data",
}


def explain(failure: JobFailure) -> str:
    """Return `Error: message`, whatever shape the cause has: a Lambda's, a job's, or text."""
    message = _message(failure.Cause) or _WITHOUT_CAUSE.get(failure.Error, "no cause was given")
    return f"{failure.Error}: {message}"[:_LONGEST]


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
        step = diagnosis.get("job", {}).get("step", "a job")
        return f"{step}: {diagnosis.get('outcome')}: {diagnosis.get('reason')}"
    if isinstance(quality, dict) and quality.get("passed") is False and failure is None:
        return f"QualityGateError: {quality.get('reason')}"
    return explain(failure) if failure else None


def _message(cause: str) -> str:
    try:
        details = json.loads(cause)
    except ValueError:
        return cause.strip()
    if isinstance(details, dict):
        for field in ("errorMessage", "FailureReason"):
            if details.get(field):
                return str(details[field]).strip()
    return cause.strip()
