"""BringHome: in a worker region, what a job has made goes home, and then the answer."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.aws.clients import is_unreachable
from lambdas.aws.sagemaker import describe_job, stop_job
from lambdas.regions import answers
from lambdas.regions.outputs import bring_outputs
from lambdas.regions.places import Move, Place
from lambdas.regions.records_at_home import keep_job
from lambdas.step import logger, step
from stratos.errors import HomeUnreachable, NoLongerAwaited, RegionUnreachable
from stratos.pipeline.steps import JobFailure
from stratos.pipeline.worker_jobs import BroughtHome, WorkerJob


@step
def handler(payload: WorkerJob) -> BroughtHome:
    """Bring everything home and answer as `createTrainingJob.sync` would. May be repeated.

    Raises:
        CopyUnfinished: call again.
        HomeUnreachable: home does not answer; call again later.
    """
    try:
        answers.heartbeat(payload.home)
        return BroughtHome(answered=_brought(payload))
    except NoLongerAwaited as error:
        logger.warning("not brought home", extra={"job": payload.job.name, "reason": str(error)})
        _tell_the_bill(payload)
        return BroughtHome(answered=False)
    except (BotoCoreError, ClientError) as error:
        if is_unreachable(error):
            raise HomeUnreachable(f"{payload.home.region} does not answer: {error}") from error
        raise


def _tell_the_bill(worker: WorkerJob) -> None:
    """Home counts a job that it has given up as if it ran to its limit, until it knows better."""
    if (job := describe_job(worker.job.name)) is not None:
        keep_job(worker, job)


def _brought(worker: WorkerJob) -> bool:
    job = describe_job(worker.job.name)
    if job is None:
        stop_job(worker.job.name)  # it may only be out of sight, and another one begins
        lost = f"{Place.own().region} has lost job {worker.job.name}"
        failure = JobFailure(Error=RegionUnreachable.__name__, Cause=lost)
        return answers.refuse(worker.home, failure)
    bring_outputs(worker)
    keep_job(worker, job)
    told = Move(Place.own(), Place.of_home(worker.home)).described(job)
    if job["TrainingJobStatus"] == "Completed":
        return answers.succeed(worker.home, told)
    return answers.fail(worker.home, told)
