"""A job's next region: what it may still cost and take there, and what regions refused."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import get_args

from lambdas.aws.bucket import AlwaysChanging, Bucket
from lambdas.aws.catalog_files import CatalogFiles
from lambdas.aws.elsewhere_files import ElsewhereFiles
from lambdas.aws.run_files import RunFiles
from lambdas.aws.settings import settings
from lambdas.jobs.factory import types_asked
from lambdas.jobs.spending import hours_of, outlay_of
from stratos.contracts.jobs import JobStep
from stratos.contracts.match import plans_in_order, trained_alike
from stratos.contracts.plan import Plan, Server
from stratos.contracts.regions import Refused, RegionRefusal
from stratos.contracts.run import RunRef
from stratos.errors import BudgetExhausted
from stratos.moment import now
from stratos.pipeline.job_failure import Classification
from stratos.pipeline.steps import TrainingJob
from stratos.planning.deadlines import DEFAULT_HOURS, deadline_seconds
from stratos.planning.forecast.start_up import job_start

_OUT_OF_SIGHT = ("unreachable", "timeout")
_STEPS: dict[str, JobStep] = {step: step for step in get_args(JobStep)}
_log = logging.getLogger(__name__)


def region_of(job: TrainingJob) -> str:
    """Where a job runs."""
    return job.region or settings().aws_region


def in_its_region(job: TrainingJob, verdict: Classification, *, created: bool) -> Classification:
    """What a failure means for a job of another region: one that throttles is left like one that
    does not answer.

    Args:
        created: There was a job. Then the reason is in its own words, which may be about anything.
    """
    throttled = not created and verdict.outcome == "crash" and "throttl" in verdict.reason.lower()
    return replace(verdict, outcome="unreachable") if job.region and throttled else verdict


def note_refusal(run: RunRef, job: TrainingJob, verdict: Classification) -> None:
    """Write down what a region refused, for whoever plans next; home's own refusals count, too.

    Of many jobs that are refused at once some may not get to write: the others say the same.
    """
    outcomes: dict[str, Refused] = {outcome: outcome for outcome in get_args(Refused)}
    if (outcome := outcomes.get(verdict.outcome)) is None:
        return
    rows = [
        RegionRefusal(
            at=now(),
            run_id=run.run_id,
            region=region_of(job),
            instance_type=instance_type,
            purchase="spot" if job.spot else "on_demand",
            outcome=outcome,
        )
        for instance_type in types_asked(job.resource_config)
    ]
    try:
        CatalogFiles(run).add_refusals(rows)
    except AlwaysChanging as error:
        _log.warning("a refusal is not noted: %s", error)


def give_up_elsewhere(run: RunRef, job: TrainingJob, verdict: Classification) -> None:
    """Count a job that home has lost sight of as if it went on to its end: it may.

    A job of which home has heard is not lost, nor is one that was refused.
    """
    if not job.region or verdict.outcome not in _OUT_OF_SIGHT:
        return
    files = ElsewhereFiles(Bucket(run.bucket), run.run_id)
    known = files.find_job(job.name)
    if known is not None and not known.over:
        files.put_job(known.model_copy(update={"given_up": True}))


def require_room(run: RunRef, job: TrainingJob, server: Server) -> float:
    """Seconds that the job's program has on a server of another region, once copies are there.

    What the run has spent includes what a lost region may yet cost.

    Raises:
        BudgetExhausted: money or time would not last.
    """
    constraints = RunFiles(run).spec().constraints
    step = _STEPS[job.step.partition("-")[0]]
    plan = _plan_on(run, server)
    copies = None if plan is None else plan.elsewhere
    hours, spent = hours_of(run) + (copies.copying_hours if copies else 0.0), outlay_of(run)
    if hours >= (constraints.max_training_hours or DEFAULT_HOURS):
        raise BudgetExhausted(
            f"{hours:.1f} h of max_training_hours {constraints.max_training_hours} are over once "
            f"the inputs are in {server.region}, so it is not tried; allow more, and submit the "
            "spec again"
        )
    cost = (copies.usd if copies else 0.0) + _usd_on(plan, job, server)
    limit = constraints.max_budget_usd
    if limit is not None and spent.usd + cost > limit:
        raise BudgetExhausted(
            f"${spent.usd:.2f} are spent or may yet be, and {step} on {server.instance_type} in "
            f"{server.region} would take ${cost:.2f}: more than max_budget_usd {limit:g}. Allow "
            "more, and submit the spec again"
        )
    return deadline_seconds(step, constraints, hours, job_start(server.instance_type).seconds)


def _plan_on(run: RunRef, server: Server) -> Plan | None:
    """A plan that trains the same on such a server, however it is bought."""
    evidence = RunFiles(run).find_match()
    if evidence is None:
        return None
    wanted = (server.region, server.instance_type)
    alike = trained_alike(plans_in_order(evidence.matching), evidence.plan)
    there = (one for one in alike if (one.training.region, one.training.instance_type) == wanted)
    return next(there, None)


def _usd_on(plan: Plan | None, job: TrainingJob, server: Server) -> float:
    """What training on a server is forecast to cost, all of it: what checkpoints save is a bonus.

    A job that trains nothing is short beside it, and counts nothing.
    """
    if plan is None or not job.step.startswith("distill"):
        return 0.0
    hours = plan.num_training_tokens / max(plan.training_tokens_per_second, 1e-9) / 3600
    return hours * server.usd_per_hour
