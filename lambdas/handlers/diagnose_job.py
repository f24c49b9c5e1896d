"""Diagnose…: why a training job failed, and the next attempt, if there should be one."""

from __future__ import annotations

import json
from typing import Any

from lambdas.aws.sagemaker import describe_job
from lambdas.jobs.factory import types_asked
from lambdas.jobs.retries import retry_of
from lambdas.step import step
from stratos.pipeline.job_failure import classify
from stratos.pipeline.steps import DiagnoseInput, Diagnosis, JobFailure


@step
def handler(payload: DiagnoseInput) -> Diagnosis:
    """Classify the failure and prepare the next attempt."""
    described = _caught_job(payload.failure, payload.job.name) or describe_job(payload.job.name)
    verdict = classify(payload.failure, described)
    following = retry_of(payload.run, payload.job, verdict)
    if following is None:
        return Diagnosis(
            outcome=verdict.outcome, retry=False, reason=verdict.reason, job=payload.job
        )
    servers = " or ".join(types_asked(following.resource_config))
    bought = "spot " if following.spot else ""
    reason = f"{verdict.reason}; tried again as {following.name} on {bought}{servers}"
    return Diagnosis(outcome=verdict.outcome, retry=True, reason=reason, job=following)


def _caught_job(failure: JobFailure, name: str) -> dict[str, Any] | None:
    """The described job that a failed `.sync` task carries as its cause."""
    try:
        cause = json.loads(failure.Cause)
    except ValueError:
        return None
    return cause if isinstance(cause, dict) and cause.get("TrainingJobName") == name else None
