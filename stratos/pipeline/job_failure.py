"""What became of a training job that did not complete: seven outcomes, each with its own answer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from stratos import errors
from stratos.pipeline.failures import DOMAIN_ERRORS, explain
from stratos.pipeline.steps import JobFailure, JobOutcome
from stratos.pipeline.worker_jobs import HEARTBEAT_SECONDS

_DOMAIN_ERROR = re.compile(rf"\b({'|'.join(sorted(DOMAIN_ERRORS))}): (.*)", re.S)
_SIGNALS = {137: "killed (SIGKILL), most often for memory", 143: "stopped from outside (SIGTERM)"}
_MEMORY_WORDS = (
    "instance type with more memory",  # SageMaker, of a machine that had none left
    "out of memory",  # torch, of a GPU
    "outofmemory",
    "can't allocate memory",  # torch, of the host
    "memoryerror",
)
_FULL_DISK = "no space left on device"
_REFUSED_DOWNLOAD = re.compile(
    r"data download failed.*(accessdenied|access denied|403|forbidden)"
    r"|no identity-based policy allows",
    re.S,
)
"""https://github.com/aws/amazon-sagemaker-examples/issues/4384"""
_TOOLKIT = re.compile(
    r"^(?P<name>[A-Za-z]+):\s*ExitCode (?P<code>-?\d+)\s*"
    r"ErrorMessage \"(?P<message>.*?)\"?\s*(?:ExtraInfo|Command|$)",
    re.S,
)
"""What the sagemaker-training toolkit writes of a program that failed; SageMaker cuts its end."""
_LIMIT_WORDS = ("resourcelimitexceeded", "servicequota", "account-level service limit")
_UNREACHABLE = (errors.RegionUnreachable.__name__, errors.HomeUnreachable.__name__)
_TIMED_OUT = ("Sandbox.Timedout", "Lambda.Unknown")
"""A function waited for a region until its own time was over; `.sync` calls none."""
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
    if _REFUSED_DOWNLOAD.search(lowered):
        return Classification("user_error", f"the job's role may not read its input: {reason}")
    text = reason.removeprefix("AlgorithmError: ")
    told = _told(text)
    if named := _DOMAIN_ERROR.search(told):
        return Classification("user_error", f"{named[1]}: {named[2].strip()}", named[1])
    if any(word in told.lower() for word in _MEMORY_WORDS):
        return Classification("user_error", f"the job's memory did not suffice: {reason}")
    if _FULL_DISK in told.lower():  # the next attempt would have the same disk
        return Classification("user_error", f"the job's disk did not suffice: {reason}")
    if lowered.startswith("clienterror"):
        return Classification("user_error", reason)
    if "training entry point name is empty" in lowered:
        # The image's own entry point ran: the execution is of a state machine from before.
        return Classification("user_error", f"start the run anew; it asked as formerly: {reason}")
    words = _SIGNALS.get(_exit_code(text))
    shown = (reason if told == text else told) or "SageMaker gave no reason"
    return Classification("crash", f"the job's program was {words}: {shown}" if words else shown)


def _exit_code(text: str) -> int:
    """Of the program, as a shell counts; 0 where none is told.

    The toolkit ends with 1 whatever the program's own code was, and tells that in words.
    """
    if toolkit := _TOOLKIT.match(text):
        code = int(toolkit["code"])
        return 128 - code if code < 0 else code
    told = re.search(r"exit code:?\s*'?(\d+)", text, re.I)
    return int(told[1]) if told else 0


def _told(text: str) -> str:
    """The program's own words, also where the toolkit wrote its own around them."""
    toolkit = _TOOLKIT.match(text)
    if toolkit is None:
        return text
    message = toolkit["message"].strip() or f"exit code {toolkit['code']}"
    return f"{toolkit['name']}: {message}"


def _of_call(failure: JobFailure) -> Classification:
    """The job never ran, or its state gave up on it: only the caught error says why."""
    text = f"{failure.Error}: {failure.Cause}"[:2000]
    lowered = text.lower()
    if failure.Error in _UNREACHABLE:
        return Classification("unreachable", explain(failure).partition(": ")[2])
    if failure.Error in _TIMED_OUT:
        return Classification("unreachable", f"the job's region did not answer in time: {text}")
    if failure.Error == errors.HandedOverBefore.__name__:
        return Classification("crash", explain(failure).partition(": ")[2])
    if failure.Error == "States.HeartbeatTimeout":
        silent = f"nothing was heard of it for {HEARTBEAT_SECONDS // 60} minutes"
        return Classification("unreachable", f"the job's region went silent: {silent}")
    if failure.Error == "States.Timeout":
        return Classification("timeout", "the job outlasted the time its state waits for it")
    if any(word in lowered for word in _CAPACITY_WORDS):
        return Classification("capacity", f"AWS had no such instance free: {text}")
    if any(word in lowered for word in _LIMIT_WORDS):
        return Classification("quota", f"the account's quota is used up: {text}")
    if "resourceinuse" in lowered or "throttl" in lowered or "internal" in lowered:
        return Classification("crash", f"SageMaker did not take the job: {text}")
    if not failure.Error.startswith("SageMaker.") and failure.Error not in DOMAIN_ERRORS:
        return Classification("crash", f"the job was not started: {explain(failure)}")
    return Classification("user_error", f"SageMaker refused the job: {text}")
