"""HandOver: a job of another region is given to that region's state machine."""

from __future__ import annotations

from lambdas.aws import run_roles
from lambdas.aws.bucket import Bucket
from lambdas.aws.elsewhere_files import ElsewhereFiles
from lambdas.regions.machines import WorkerMachine, home_of
from lambdas.step import step
from stratos.contracts.regions import JobElsewhere
from stratos.errors import HandedOverBefore, RegionUnreachable
from stratos.moment import now
from stratos.pipeline.worker_jobs import HandedOver, HandOverInput, WorkerJob


@step
def handler(payload: HandOverInput) -> HandedOver:
    """Start the job's execution there, which answers to the task token.

    Raises:
        HandedOverBefore: an earlier call has started it, for another token; it is stopped.
        RegionUnreachable: the region does not answer or does not take the job.
    """
    run, job = payload.run, payload.job
    worker = WorkerJob(
        run=run,
        job=job.model_copy(update={"hyper_parameters": payload.hyper_parameters}),
        home=home_of(run, payload.task_token),
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
    run_roles.make(run)  # a run that began before there were any has none
    files = ElsewhereFiles(Bucket(run.bucket), run.run_id)
    files.put_job(known)
    try:
        return HandedOver(execution_arn=WorkerMachine(job.region).start(job.name, worker))
    except (HandedOverBefore, RegionUnreachable):
        # Should it have been started after all, it finds that nobody waits before it has a job.
        files.put_job(known.model_copy(update={"status": "Failed", "billed_seconds": 0.0}))
        raise
