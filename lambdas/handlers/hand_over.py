"""HandOver: a job of another region is given to that region's state machine."""

from __future__ import annotations

from lambdas.aws.bucket import Bucket
from lambdas.aws.settings import settings
from lambdas.regions.machines import WorkerMachine
from lambdas.step import step
from stratos.contracts.bucket import RunKeys
from stratos.contracts.regions import JobElsewhere
from stratos.moment import now
from stratos.pipeline.worker_jobs import HandedOver, HandOverInput, Home, WorkerJob


@step
def handler(payload: HandOverInput) -> HandedOver:
    """Start the job's execution there, which answers to the task token.

    Raises:
        RegionUnreachable: the region does not answer or does not take the job.
    """
    run, job = payload.run, payload.job
    worker = WorkerJob(
        run=run,
        job=job.model_copy(update={"hyper_parameters": payload.hyper_parameters}),
        home=Home(
            region=settings().aws_region,
            bucket=run.bucket,
            kms_key_arn=settings().kms_key_arn,
            task_token=payload.task_token,
        ),
    )
    moment = now()
    known = JobElsewhere(
        name=job.name,
        step=job.step,
        region=job.region,
        handed_over_at=moment,
        seen_at=moment,
        max_seconds=job.stopping_condition["MaxRuntimeInSeconds"],
    )
    Bucket(run.bucket).put_model(RunKeys(run.run_id).job_elsewhere(job.name), known)
    return HandedOver(execution_arn=WorkerMachine(job.region).start(worker))
