"""GiveUp: in a worker region, a job that cannot be brought to its end is stopped, and home told."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.aws.clients import is_unreachable
from lambdas.aws.sagemaker import IN_PROGRESS, describe_job, stop_job
from lambdas.regions import answers
from lambdas.regions.records_at_home import keep_end
from lambdas.step import step
from stratos.errors import HomeUnreachable
from stratos.pipeline.steps import JobFailure
from stratos.pipeline.worker_jobs import BroughtHome, GiveUpInput, WorkerJob


@step
def handler(payload: GiveUpInput) -> BroughtHome:
    """Stop the job if there is one, and answer why it was given up. May be repeated.

    Raises:
        HomeUnreachable: home does not answer; the job is stopped.
    """
    if payload.event is not None:
        detail = payload.event["detail"]
        worker, failure = WorkerJob.model_validate_json(detail["input"]), _cut_short(detail)
    else:
        assert payload.worker is not None, "there is no job to give up"
        assert payload.failure is not None, "there is no reason to give it up"
        worker, failure = payload.worker, payload.failure
    job = describe_job(worker.job.name)
    if job is None or job["TrainingJobStatus"] == IN_PROGRESS:  # one just made may be out of sight
        stop_job(worker.job.name)
    try:
        keep_end(worker, job)  # before the answer: whoever hears it counts what the job cost
    except (BotoCoreError, ClientError) as error:
        if is_unreachable(error):
            raise HomeUnreachable(f"{worker.home.region} does not answer: {error}") from error
        raise
    return BroughtHome(answered=answers.refuse(worker.home, failure))


def _cut_short(detail: dict[str, Any]) -> JobFailure:
    """Why an execution ended that did not reach its own end."""
    error = detail.get("error") or f"Execution {detail['status']}"
    return JobFailure(Error=error, Cause=detail.get("cause") or "the region's execution was ended")
