"""What a run has spent so far, state by state, as the command line can see it.

The run's own report counts the same at its end. Here, what was copied between regions is left out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError
from pydantic import BaseModel, ValidationError

from stratos.cli.runs import read_object
from stratos.cli.stack import Stack
from stratos.contracts.bucket import RESULT_FILE, RunKeys
from stratos.contracts.plan import Server
from stratos.contracts.regions import JobElsewhere
from stratos.hosting.deployment import DEPLOYMENT
from stratos.pipeline.phases import PHASE_OF_JOB
from stratos.pipeline.training_server import server_of

_OVER = ("Completed", "Failed", "Stopped")


class _Priced(BaseModel):
    """Of a job's configuration, what its bill needs."""

    usd_per_hour: float = 0.0
    servers: tuple[Server, ...] = ()
    spent_usd: float = 0.0


@dataclass
class RunCosts:
    """The bill of one run; jobs that are over are asked about once."""

    stack: Stack
    run_id: str
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    _ended: dict[str, dict[str, Any]] = field(default_factory=dict, init=False, repr=False)

    def by_phase(self) -> dict[str, float] | None:
        """Dollars of each phase that has cost any; None where the account may not be asked."""
        usd: dict[str, float] = {}
        priced: dict[str, _Priced] = {}
        try:
            for step, spent in (*self._at_home(priced), *self._elsewhere(priced)):
                usd[step] = usd.get(step, 0.0) + spent
        except ClientError:
            return None
        phases: dict[str, float] = {}
        for step, spent in usd.items():
            phase = _phase(step)
            phases[phase] = phases.get(phase, 0.0) + spent + self._token_usd(step, priced[step])
        if deploying := self._hosting_usd():
            phases["Deploy"] = deploying
        return phases

    def _at_home(self, priced: dict[str, _Priced]) -> Iterator[tuple[str, float]]:
        """Step and dollars of each training job."""
        pages = self.stack.sagemaker.get_paginator("list_training_jobs")
        for page in pages.paginate(NameContains=self.run_id):
            for summary in page["TrainingJobSummaries"]:
                name = summary["TrainingJobName"]
                if not name.startswith(f"{self.run_id}-"):
                    continue
                step = name.removeprefix(f"{self.run_id}-").rpartition("-")[0]
                job = self._ended.get(name) or self.stack.sagemaker.describe_training_job(
                    TrainingJobName=name
                )
                if job["TrainingJobStatus"] in _OVER:
                    self._ended[name] = job
                config = priced.setdefault(step, self._config(step))
                server = server_of(job, config.servers)
                hourly = config.usd_per_hour if server is None else server.usd_per_hour
                yield step, _billed_seconds(job, self.now()) / 3600 * hourly

    def _elsewhere(self, priced: dict[str, _Priced]) -> Iterator[tuple[str, float]]:
        """The same of jobs in other regions, as home last heard of them."""
        prefix = RunKeys(self.run_id).elsewhere
        listed = self.stack.s3.list_objects_v2(Bucket=self.stack.bucket, Prefix=prefix)
        for item in listed.get("Contents", []):
            job = JobElsewhere.model_validate_json(read_object(self.stack, item["Key"]) or "")
            config = priced.setdefault(job.step, self._config(job.step))
            there = [s for s in config.servers if s.instance_type == job.instance_type]
            hourly = there[0].usd_per_hour if there else config.usd_per_hour
            since = job.started_at
            seconds = job.billed_seconds
            if seconds is None and since is not None:
                seconds = ((job.ended_at or self.now()) - since).total_seconds()
            yield job.step, max(0.0, seconds or 0.0) / 3600 * hourly

    def _config(self, step: str) -> _Priced:
        key = RunKeys(self.run_id).job_config(step) + "config.json"
        try:
            return _Priced.model_validate_json(read_object(self.stack, key) or "{}")
        except ValidationError:  # of another release
            return _Priced()

    def _token_usd(self, step: str, config: _Priced) -> float:
        """What result or progress says that the teacher was paid, earlier attempts included."""
        keys = RunKeys(self.run_id)
        found = [config.spent_usd]
        for key in (keys.job(step) + RESULT_FILE, keys.job_progress(step)):
            told = json.loads(read_object(self.stack, key) or "{}")
            found.append(float(told.get("usd") or 0.0))
        return max(found)

    def _hosting_usd(self) -> float:
        """Of the endpoint since it began to be made."""
        text = read_object(self.stack, RunKeys(self.run_id).deployment)
        if text is None:
            return 0.0
        try:
            deployment = DEPLOYMENT.validate_json(text)
        except ValidationError:
            return 0.0
        since = deployment.deploying_since
        if since is None:
            return 0.0
        hours = (self.now() - since).total_seconds() / 3600
        return max(0.0, hours) * deployment.billed_usd_per_hour


def _phase(step: str) -> str:
    """`distill-a0` and `probe-t1` are of Distill and ProbeModels."""
    return PHASE_OF_JOB.get(step.partition("-")[0], step)


def _billed_seconds(job: dict[str, Any], now: datetime) -> float:
    """Billable seconds of a described job; its running time until there is a bill."""
    if "BillableTimeInSeconds" in job:
        return float(job["BillableTimeInSeconds"])
    if (start := job.get("TrainingStartTime")) is None:
        return 0.0
    end = job.get("TrainingEndTime") or now
    return max(0.0, float((end - start).total_seconds()))
