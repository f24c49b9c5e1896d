"""The attempt that follows a failed training job."""

from __future__ import annotations

from typing import Any

from lambdas.aws.job_names import job_name
from lambdas.aws.run_files import RunFiles
from lambdas.jobs.factory import placement, training_processes
from lambdas.jobs.spending import token_usd
from stratos.contracts.jobs import AnyJobConfig
from stratos.contracts.match import plans_in_order, training_servers
from stratos.contracts.plan import Server
from stratos.contracts.run import RunRef
from stratos.pipeline.steps import JobOutcome, TrainingJob

MAX_CRASHES = 2
MAX_ATTEMPTS = 5
EXPORT_SECONDS = 60.0
"""After a timeout the next attempt only has to export the best checkpoint."""


def retry_of(run: RunRef, job: TrainingJob, outcome: JobOutcome) -> TrainingJob | None:
    """Return the next attempt under a new name and with the same checkpoints, or None.

    A crash is tried again on the same server; a lack of capacity or quota, on the next server of
    the front; a training job that ran out of time, once more, to export its best checkpoint. What
    a person did or has to fix is not tried again.
    """
    attempt = job.attempt + 1
    if attempt >= MAX_ATTEMPTS:
        return None
    _carry_spending_over(run, job)
    changes: dict[str, Any] = {
        "attempt": attempt,
        "name": job_name(run.run_id, job.step, attempt),
    }
    match outcome:
        case "crash" if attempt <= MAX_CRASHES:
            return job.model_copy(update=changes)
        case "capacity" | "quota":
            return _elsewhere(run, job, changes)
        case "timeout" if job.step.startswith("distill") and attempt <= 1:
            _rewrite_config(run, job, {"deadline_seconds": EXPORT_SECONDS})
            return job.model_copy(update=changes)
        case _:
            return None


def _elsewhere(run: RunRef, job: TrainingJob, changes: dict[str, Any]) -> TrainingJob | None:
    """The same job on the server after its own in the order of the front."""
    servers = _servers(run, job)
    here = job.resource_config["InstanceType"]
    types = [server.instance_type for server in servers]
    following = servers[types.index(here) + 1 :] if here in types else servers
    server = next((s for s in following if s.instance_type != here), None)
    if server is None:
        return None
    if job.step.startswith("distill"):
        changes["environment"] = job.environment | training_processes(server)
    else:
        server = server.model_copy(update={"purchase": "on_demand"})
    config = _rewrite_config(run, job, {"usd_per_hour": server.usd_per_hour})
    return job.model_copy(update=changes | placement(server, config.deadline_seconds))


def _servers(run: RunRef, job: TrainingJob) -> list[Server]:
    """Training servers in order of preference: of the match, or of the first plans for a probe."""
    files = RunFiles(run)
    if job.step.startswith("probe"):
        plans = files.plans()
        ordered = (plans.chosen, *plans.fallbacks, *plans.front)
        servers = [plan.training for plan in ordered]
        return list({server.instance_type: server for server in servers}.values())
    evidence = files.match()
    return training_servers(plans_in_order(evidence.matching), evidence.plan)


def _carry_spending_over(run: RunRef, job: TrainingJob) -> None:
    """Let the next attempt count on from what the failed one has paid its teacher."""
    config = RunFiles(run).job_config(job.step)
    spent = token_usd(run, job.step)
    newly = spent - config.spent_usd
    if newly <= 0:
        return
    left = None if config.budget_usd is None else max(0.0, config.budget_usd - newly)
    _rewrite_config(run, job, {"spent_usd": spent, "budget_usd": left})


def _rewrite_config(run: RunRef, job: TrainingJob, values: dict[str, float | None]) -> AnyJobConfig:
    files = RunFiles(run)
    config = files.job_config(job.step).model_copy(update=values)
    files.put_job_config(job.step, config)
    return config
