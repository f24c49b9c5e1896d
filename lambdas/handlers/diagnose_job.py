"""Diagnose…: why a training job failed, and the next attempt, if there should be one."""

from __future__ import annotations

import json
from typing import Any

from lambdas.aws.sagemaker import IN_PROGRESS, describe_job, stop_job
from lambdas.jobs.factory import types_asked
from lambdas.jobs.regions import give_up_elsewhere, in_its_region, note_refusal, region_of
from lambdas.jobs.retries import retry_of
from lambdas.step import step
from stratos.errors import BudgetExhausted
from stratos.pipeline.job_failure import classify
from stratos.pipeline.steps import DiagnoseInput, Diagnosis, JobFailure


@step
def handler(payload: DiagnoseInput) -> Diagnosis:
    """Classify the failure and prepare the next attempt."""
    run, job = payload.run, payload.job
    described = _caught_job(payload.failure, job.name)
    if described is None and not job.region:  # another region's job is not described at home
        described = describe_job(job.name)
        if goes_on(described):
            stop_job(job.name)  # Step Functions promises that for executions that are stopped only
    verdict = classify(payload.failure, described)
    verdict = in_its_region(job, verdict, created=described is not None)
    note_refusal(run, job, verdict)
    give_up_elsewhere(run, job, verdict)
    where = f"in {job.region}: " if job.region else ""
    try:
        following = retry_of(run, job, verdict)
    except BudgetExhausted as error:
        reason = f"{where}{verdict.reason}. {error}"
        return Diagnosis(outcome=verdict.outcome, retry=False, reason=reason, job=job)
    if following is None:
        reason = where + verdict.reason
        return Diagnosis(outcome=verdict.outcome, retry=False, reason=reason, job=job)
    servers = " or ".join(types_asked(following.resource_config))
    bought = "spot " if following.spot else ""
    moved = f" in {region_of(following)}" if job.region or following.region else ""
    reason = f"{where}{verdict.reason}; tried again as {following.name} on {bought}{servers}{moved}"
    return Diagnosis(outcome=verdict.outcome, retry=True, reason=reason, job=following)


def goes_on(described: dict[str, Any] | None) -> bool:
    """Whether a job runs though nobody waits for it any more, and another may be begun beside it.

    Its state may have timed out, or a call of SageMaker's may have failed once the job was there.
    """
    return described is not None and described.get("TrainingJobStatus") == IN_PROGRESS


def _caught_job(failure: JobFailure, name: str) -> dict[str, Any] | None:
    """The described job that a failed `.sync` task carries as its cause."""
    try:
        cause = json.loads(failure.Cause)
    except ValueError:
        return None
    return cause if isinstance(cause, dict) and cause.get("TrainingJobName") == name else None
