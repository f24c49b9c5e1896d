"""What became of a training job that did not complete: six outcomes, each with its own answer."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from typing import Any

from stratos import errors
from stratos.pipeline.steps import JobFailure, JobOutcome

DOMAIN_ERRORS = frozenset(
    name
    for name, value in inspect.getmembers(errors, inspect.isclass)
    if issubclass(value, errors.StratosError)
)
_SIGNALS = {137: "killed (SIGKILL), most often for memory", 143: "stopped from outside (SIGTERM)"}
_LIMIT_WORDS = ("resourcelimitexceeded", "servicequota", "account-level service limit")
_CAPACITY_WORDS = ("capacityerror", "insufficient capacity", "insufficientinstancecapacity")


@dataclass(frozen=True)
class Classification:
    """An outcome and its reason in words."""

    outcome: JobOutcome
    reason: str
    domain_error: str | None = None
    """Class name, if the job named one of our errors."""


def classify(failure: JobFailure, job: dict[str, Any] | None) -> Classification:
    """Say what became of a job.

    Args:
        failure: What Step Functions caught.
        job: The job as SageMaker describes it; None if it was never created.
    """
    if job is None or job.get("TrainingJobStatus") in (None, "InProgress", "Completed"):
        return _of_call(failure)
    status, secondary = job["TrainingJobStatus"], job.get("SecondaryStatus", "")
    reason = str(job.get("FailureReason") or "")
    if secondary == "MaxWaitTimeExceeded" and job.get("TrainingStartTime") is None:
        return Classification("capacity", "no spot capacity came within the time that it may wait")
    if secondary in ("MaxRuntimeExceeded", "MaxWaitTimeExceeded"):
        limit = job.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", "its")
        return Classification("timeout", f"the job ran into its limit of {limit} s")
    if secondary == "Interrupted":
        return Classification(
            "capacity", "the spot capacity was taken back and did not return in time"
        )
    if status in ("Stopped", "Stopping"):
        return Classification("stopped", "the job was stopped by hand")
    return _of_reason(reason)


def _of_reason(reason: str) -> Classification:
    lowered = reason.lower()
    if any(word in lowered for word in _CAPACITY_WORDS):
        return Classification("capacity", f"AWS had no such instance free: {reason}")
    if any(word in lowered for word in _LIMIT_WORDS):
        return Classification("quota", f"the account's quota is used up: {reason}")
    named = re.search(r"\b([A-Z][A-Za-z]+): (.*)", reason.removeprefix("AlgorithmError: "), re.S)
    if named and named[1] in DOMAIN_ERRORS:
        return Classification("user_error", f"{named[1]}: {named[2].strip()}", named[1])
    if lowered.startswith("clienterror"):
        return Classification("user_error", reason)
    code = re.search(r"exit code:?\s*(\d+)", lowered)
    words = _SIGNALS.get(int(code[1])) if code else None
    shown = reason or "SageMaker gave no reason"
    return Classification("crash", f"the job's program was {words}: {shown}" if words else shown)


def _of_call(failure: JobFailure) -> Classification:
    """The job never ran, or its state gave up on it: only the caught error says why."""
    text = f"{failure.Error}: {failure.Cause}"[:2000]
    lowered = text.lower()
    if failure.Error in ("States.Timeout", "States.HeartbeatTimeout"):
        return Classification("timeout", "the job outlasted the time its state waits for it")
    if any(word in lowered for word in _CAPACITY_WORDS):
        return Classification("capacity", f"AWS had no such instance free: {text}")
    if any(word in lowered for word in _LIMIT_WORDS):
        return Classification("quota", f"the account's quota is used up: {text}")
    if "resourceinuse" in lowered or "throttl" in lowered or "internal" in lowered:
        return Classification("crash", f"SageMaker did not take the job: {text}")
    return Classification("user_error", f"SageMaker refused the job: {text}")
