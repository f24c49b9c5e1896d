"""GiveUp: in a worker region, a job or endpoint that comes to nothing is ended, and home told."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.aws.clients import is_unreachable
from lambdas.aws.sagemaker import IN_PROGRESS, describe_job, stop_job
from lambdas.regions import answers, endpoints
from lambdas.regions.records_at_home import keep_end
from lambdas.step import step
from stratos.errors import HomeUnreachable
from stratos.pipeline.region_endpoints import GiveUpInput, WorkerEndpoint
from stratos.pipeline.steps import JobFailure
from stratos.pipeline.worker_jobs import BroughtHome, WorkerJob


@step
def handler(payload: GiveUpInput) -> BroughtHome:
    """End what there is, and answer why it was given up. May be repeated.

    Raises:
        HomeUnreachable: home does not answer; the job is stopped.
        EndpointUnsettled: SageMaker is still making the endpoint; call again.
    """
    worker, failure = payload.asked, payload.failure
    if payload.event is not None:
        failure = _cut_short(payload.event["detail"])
    assert failure is not None, "there is no reason to give it up"
    if isinstance(worker, WorkerEndpoint):
        return BroughtHome(answered=endpoints.give_up(worker, failure))
    return _give_up_job(worker, failure)


def _give_up_job(worker: WorkerJob, failure: JobFailure) -> BroughtHome:
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
