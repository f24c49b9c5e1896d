"""What a run has spent: billed seconds of its jobs, and tokens of its teachers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel

from lambdas.sagemaker import jobs_of
from lambdas.storage import Bucket
from lambdas.training_jobs import step_of
from stratos.artifacts import RunKeys
from stratos.steps import RunRef


@dataclass(frozen=True)
class JobCost:
    """One job's bill."""

    name: str
    step: str
    status: str
    seconds: float
    server_usd: float
    token_usd: float

    @property
    def usd(self) -> float:
        return self.server_usd + self.token_usd


class _Priced(BaseModel):
    usd_per_hour: float


class _Tokens(BaseModel):
    usd: float


def job_costs(run: RunRef) -> list[JobCost]:
    """The bill of every job of a run so far, failed and stopped ones included."""
    bucket, keys = Bucket(run.bucket), RunKeys(run.run_id)
    costs: list[JobCost] = []
    for job in jobs_of(run.run_id):
        name = job["TrainingJobName"]
        step = step_of(run.run_id, name)
        assert step is not None
        config = bucket.find_model(keys.job_config(step) + "config.json", _Priced)
        seconds = billed_seconds(job)
        tokens = None
        if job["TrainingJobStatus"] == "Completed":  # one attempt of a step writes the result
            tokens = bucket.find_model(keys.job_result(step), _Tokens)
        costs.append(
            JobCost(
                name=name,
                step=step,
                status=job["TrainingJobStatus"],
                seconds=seconds,
                server_usd=seconds / 3600 * (config.usd_per_hour if config else 0.0),
                token_usd=tokens.usd if tokens else 0.0,
            )
        )
    return costs


def billed_seconds(job: dict[str, Any]) -> float:
    """Billable seconds of a described job; its running time while the bill is not yet made."""
    if "BillableTimeInSeconds" in job:
        return float(job["BillableTimeInSeconds"])
    if (start := job.get("TrainingStartTime")) is None:
        return 0.0
    end = job.get("TrainingEndTime") or datetime.now(UTC)
    return max(0.0, float((end - start).total_seconds()))
