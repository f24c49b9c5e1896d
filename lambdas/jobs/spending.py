"""What a run has spent: billed seconds of jobs and endpoints, and tokens of its teachers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lambdas.aws.bucket import Bucket
from lambdas.aws.elsewhere_files import ElsewhereFiles
from lambdas.aws.job_names import step_of
from lambdas.aws.run_files import RunFiles
from lambdas.aws.sagemaker import jobs_of
from stratos.catalog.transfer import transfer_usd_per_gb
from stratos.contracts.plan import Server
from stratos.contracts.regions import JobElsewhere, Transfer, moved_bytes
from stratos.contracts.run import RunRef
from stratos.measuring.gates import Outlay
from stratos.moment import now
from stratos.pipeline.bill import hosting_bill
from stratos.pipeline.training_server import server_of
from stratos.units import GIB


@dataclass(frozen=True)
class JobCost:
    """One job's bill."""

    name: str
    step: str
    status: str
    seconds: float
    server_usd: float
    token_usd: float
    """Of every attempt of the step, on the bill of the last one."""
    server: Server | None = None
    """That it started on, as SageMaker says; None if it never did, or in old records."""
    region: str = ""
    """Empty for the stack's own."""
    transfer_usd: float = 0.0
    """For what was copied to another region for it, and back."""

    @property
    def usd(self) -> float:
        return self.server_usd + self.token_usd + self.transfer_usd


def outlay_of(run: RunRef) -> Outlay:
    """Money and hours of a run so far."""
    measured = RunFiles(run).measurements().measured
    jobs = sum(cost.usd for cost in job_costs(run))
    return Outlay(jobs + hosting_bill(measured, now()).usd, hours_of(run))


def hours_of(run: RunRef) -> float:
    """Hours a run has taken until now, without those it waited for its place or for approval."""
    seconds = (now() - run.started_at).total_seconds() - run.waited_seconds
    given = RunFiles(run).find_approval()
    return max(0.0, seconds / 3600 - (given.waited_hours if given else 0.0))


def begun_at(run: RunRef, steps: Collection[str]) -> datetime | None:
    """When the first job of some steps was begun, in any region; None where none was."""
    jobs = (*_at_home(run), *_elsewhere(run))
    return min((job.begun_at for job in jobs if job.step in steps), default=None)


def job_costs(run: RunRef) -> list[JobCost]:
    """The bill of every job of a run so far, failed and stopped ones included, in any region."""
    files = RunFiles(run)
    begun = sorted((*_at_home(run), *_elsewhere(run)), key=lambda job: job.begun_at)
    last = {job.step: job.name for job in begun}
    costs: list[JobCost] = []
    for job in begun:
        server = server_of(job.described, files.servers_asked(job.step))
        costs.append(
            JobCost(
                name=job.name,
                step=job.step,
                status=job.described["TrainingJobStatus"],
                seconds=job.seconds,
                server_usd=job.seconds / 3600 * files.usd_per_hour(job.step, server),
                token_usd=token_usd(run, job.step) if job.name == last[job.step] else 0.0,
                server=server,
                region=job.region,
                transfer_usd=job.transfer_usd,
            )
        )
    return [*costs, *_copies_of_models(run, {job.name for job in begun})]


@dataclass(frozen=True)
class _Begun:
    """A job that was begun."""

    name: str
    step: str
    begun_at: datetime
    seconds: float
    """On its bill."""
    described: dict[str, Any]
    """As SageMaker does, as far as a bill needs it."""
    region: str = ""
    transfer_usd: float = 0.0


def _at_home(run: RunRef) -> Iterator[_Begun]:
    for job in jobs_of(run.run_id):
        name = job["TrainingJobName"]
        step = step_of(run.run_id, name)
        assert step is not None
        yield _Begun(name, step, job["CreationTime"], billed_seconds(job), job)


def _elsewhere(run: RunRef) -> Iterator[_Begun]:
    """Jobs of other regions, as they were last heard of: none of those regions is asked."""
    files = ElsewhereFiles(Bucket(run.bucket), run.run_id)
    for job in files.jobs():
        described = {
            "TrainingJobArn": f"arn:aws:sagemaker:{job.region}:",
            "TrainingJobStatus": job.status,
            "ResourceConfig": {"InstanceType": job.instance_type, "InstanceCount": job.count},
            "EnableManagedSpotTraining": job.spot,
        }
        yield _Begun(
            job.name,
            job.step,
            job.handed_over_at,
            _seconds_of(job),
            described,
            job.region,
            _transfer_usd(files.transfers_of(job.name)),
        )


def _copies_of_models(run: RunRef, jobs: Collection[str]) -> Iterator[JobCost]:
    """What was copied to regions for their endpoints, which are no jobs."""
    transfers = ElsewhereFiles(Bucket(run.bucket), run.run_id).transfers_by_name()
    for name, moved in transfers.items():
        if name not in jobs:
            usd = _transfer_usd(moved)
            yield JobCost(name, "stage", "Completed", 0.0, 0.0, 0.0, transfer_usd=usd)


def _transfer_usd(transfers: Iterable[Transfer]) -> float:
    return sum(
        num_bytes / GIB * transfer_usd_per_gb(source, target)
        for (source, target), num_bytes in moved_bytes(transfers).items()
    )


def _seconds_of(job: JobElsewhere) -> float:
    """Of its bill. A job that was lost may go on to its end; it counts as if it did."""
    if job.billed_seconds is not None:
        return job.billed_seconds
    if job.given_up and not job.over:
        return float(job.max_seconds)
    if job.started_at is None:
        return 0.0
    return max(0.0, ((job.ended_at or now()) - job.started_at).total_seconds())


def token_usd(run: RunRef, step: str) -> float:
    """What the attempts of a step have paid their teacher, as far as they have said.

    The result says it in the end; until then, and where every attempt failed, the progress does.
    Both include the attempts before.
    """
    return max(RunFiles(run).paid_usd(step), default=0.0)


def billed_seconds(job: dict[str, Any]) -> float:
    """Billable seconds of a described job; its running time until there is a bill."""
    if "BillableTimeInSeconds" in job:
        return float(job["BillableTimeInSeconds"])
    if (start := job.get("TrainingStartTime")) is None:
        return 0.0
    end = job.get("TrainingEndTime") or now()
    return max(0.0, float((end - start).total_seconds()))
