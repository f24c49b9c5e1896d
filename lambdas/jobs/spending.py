"""What a run has spent: billed seconds of jobs and endpoints, and tokens of its teachers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lambdas.aws.job_names import step_of
from lambdas.aws.run_files import RunFiles
from lambdas.aws.sagemaker import jobs_of
from stratos.contracts.plan import Server
from stratos.contracts.run import RunRef
from stratos.measuring.gates import Outlay
from stratos.moment import now
from stratos.pipeline.bill import hosting_bill
from stratos.pipeline.training_server import server_of


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

    @property
    def usd(self) -> float:
        return self.server_usd + self.token_usd


def outlay_of(run: RunRef) -> Outlay:
    """Money and hours of a run so far."""
    measured = RunFiles(run).measurements().measured
    jobs = sum(cost.usd for cost in job_costs(run))
    return Outlay(jobs + hosting_bill(measured, now()).usd, hours_of(run))


def hours_of(run: RunRef) -> float:
    """Hours a run has taken until now, without those it waited for a person's approval."""
    elapsed = now() - run.started_at
    given = RunFiles(run).find_approval()
    return max(0.0, elapsed.total_seconds() / 3600 - (given.waited_hours if given else 0.0))


def job_costs(run: RunRef) -> list[JobCost]:
    """The bill of every job of a run so far, failed and stopped ones included."""
    files = RunFiles(run)
    jobs: list[tuple[str, dict[str, Any]]] = []
    for job in jobs_of(run.run_id):
        step = step_of(run.run_id, job["TrainingJobName"])
        assert step is not None
        jobs.append((step, job))
    last = {step: job["TrainingJobName"] for step, job in jobs}
    costs: list[JobCost] = []
    for step, job in jobs:
        name = job["TrainingJobName"]
        seconds = billed_seconds(job)
        server = server_of(job, files.servers_asked(step))
        costs.append(
            JobCost(
                name=name,
                step=step,
                status=job["TrainingJobStatus"],
                seconds=seconds,
                server_usd=seconds / 3600 * files.usd_per_hour(step, server),
                token_usd=token_usd(run, step) if name == last[step] else 0.0,
                server=server,
            )
        )
    return costs


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
