"""PlanCandidates: the shortlist and its Pareto front, before any money is spent."""

from __future__ import annotations

from lambdas.aws.run_files import RunFiles
from lambdas.gathering.model_pool import model_pool
from lambdas.gathering.planning_request import planning_request
from lambdas.jobs.factory import JobFactory
from lambdas.jobs.probes import probe_jobs
from lambdas.jobs.spending import outlay_of
from lambdas.step import step
from stratos.contracts.plan import PlanSet
from stratos.hosting.modes.table import told_endpoint
from stratos.pipeline.steps import Candidates, PlanInput
from stratos.planning.choose import plan_before_probing, shortlist
from stratos.planning.saved import plan_saved, shortlist_saved


@step
def handler(payload: PlanInput) -> Candidates:
    """Plan on priors, and prepare a probe of every teacher and student on the shortlist."""
    run, files = payload.run, RunFiles(payload.run)
    spec = files.spec()
    if spec.task.checker is not None:
        files.keep_checker(spec.task.checker)
    pool = model_pool(run, spec)
    spent = outlay_of(run)  # on the inspection of a large dataset
    request = planning_request(run, spec, payload.dataset, pool, spent)
    saved = files.find_saved_plan()
    plans = plan_before_probing(request) if saved is None else plan_saved(request, saved)
    probed = shortlist(request) if saved is None else shortlist_saved(plans)
    uri = files.put_plans(plans)
    factory = JobFactory(run, spec, payload.roles)
    probes = probe_jobs(factory, *probed, plans, pool, request.servers, spent.usd)
    return Candidates(plans_uri=uri, probes=probes, summary=_summary(plans, len(probes)))


def _summary(plans: PlanSet, num_probes: int) -> str:
    chosen = plans.chosen
    missed = "".join(f"; forecast to miss {miss}" for miss in chosen.misses)
    return (
        f"{plans.num_candidates:,} candidates, {plans.front_size:,} on the Pareto front; first "
        f"choice {chosen.teacher} → {chosen.student} ({chosen.method}), trained on "
        f"{chosen.training.instance_type}, served on {told_endpoint(chosen)}{missed}; "
        f"{num_probes} probes"
    )
