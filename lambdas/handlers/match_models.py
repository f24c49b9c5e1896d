"""MatchModels: teacher, student, strategy and servers, chosen on what the probes measured."""

from __future__ import annotations

from lambdas.aws import runs_table
from lambdas.aws.run_files import RunFiles
from lambdas.gathering.model_pool import model_pool
from lambdas.gathering.planning_request import planning_request
from lambdas.jobs import sharding
from lambdas.jobs.distillation import DistillationJobs
from lambdas.jobs.factory import JobFactory
from lambdas.jobs.spending import outlay_of
from lambdas.step import step
from stratos.contracts.jobs import ProbeResult
from stratos.contracts.match import MatchEvidence, TriedStudent
from stratos.contracts.plan import Matching, ServedPrecision
from stratos.contracts.run import RunRef
from stratos.errors import NoFeasiblePlan
from stratos.hosting.modes.table import told_measurement
from stratos.pipeline.steps import Match, MatchInput
from stratos.planning.choose import plan_after_probing
from stratos.planning.request import PlanningRequest
from stratos.planning.saved import match_saved


@step
def handler(payload: MatchInput) -> Match:
    """Match on the probes, and prepare the jobs that carry the match out."""
    run, files = payload.run, RunFiles(payload.run)
    spec = files.spec()
    pool = model_pool(run, spec)
    probes = _probe_results(files, payload)
    tried = _tried(files, payload.attempt)
    spent = outlay_of(run)
    request = planning_request(run, spec, payload.dataset, pool, spent)
    matching = _matching(files, request, probes, frozenset(student.name for student in tried))
    evidence = MatchEvidence(
        attempt=payload.attempt,
        matching=matching,
        probes=probes,
        dropped={outcome.step: outcome.failed for outcome in payload.probes if outcome.failed},
        tried=tried,
        spent_usd=spent.usd,
        spent_hours=request.spent_hours,
    )
    jobs = DistillationJobs(JobFactory(run, spec, payload.roles), evidence, pool)
    synthesize, synthesis_shards = sharding.synthesis(jobs, payload.dataset)
    evaluate, evaluation_shards = sharding.evaluation(jobs, payload.dataset, *_live_model(run))
    return Match(
        match_uri=files.put_match(evidence),
        attempt=payload.attempt,
        strategy=matching.strategy,
        reason=matching.reason,
        teacher=matching.plan.teacher,
        student=matching.plan.student,
        synthesize=synthesize,
        distill=jobs.distill(),
        evaluate=evaluate,
        serving=matching.plan.serving,
        synthesis_shards=synthesis_shards,
        evaluation_shards=evaluation_shards,
    )


def _matching(
    files: RunFiles,
    request: PlanningRequest,
    probes: tuple[ProbeResult, ...],
    tried: frozenset[str],
) -> Matching:
    """The planner's choice, or that of the plan that the run was submitted with."""
    saved = files.find_saved_plan()
    if saved is None:
        return plan_after_probing(request, probes, tried)
    return match_saved(request, saved, probes, tried)


def _live_model(run: RunRef) -> tuple[str | None, ServedPrecision | None]:
    """The artifact in service for the spec, and the precision that it is served in."""
    live = runs_table.in_charge(run.spec_key)
    if live is None:
        return None, None
    deployment = RunFiles(live.ref).find_deployment()
    served_by = None if deployment is None else deployment.engine
    return live.model_artifact, None if served_by is None else served_by.precision


def _probe_results(files: RunFiles, payload: MatchInput) -> tuple[ProbeResult, ...]:
    """What the finished probes measured, of one teacher and one student at least."""
    good = [outcome.step for outcome in payload.probes if outcome.failed is None]
    results = tuple(_probe_result(files, name) for name in good)
    missing = {"teacher", "student"} - {result.role for result in results}
    if missing:
        failures = "; ".join(f"{o.step}: {o.failed}" for o in payload.probes if o.failed)
        raise NoFeasiblePlan(
            f"every {' and every '.join(sorted(missing))} probe failed, so nothing is left to "
            f"match ({failures}). Fix what the probes report, or name other candidates"
        )
    return results


def _probe_result(files: RunFiles, step: str) -> ProbeResult:
    """A probe's result under the name its candidate has among the cards."""
    return files.probed(step).model_copy(update={"model": files.probe_config(step).model.name})


def _tried(files: RunFiles, attempt: int) -> tuple[TriedStudent, ...]:
    """Students of the attempts before this one, with what they reached."""
    if attempt == 0:
        return ()
    before = files.match()
    if before.attempt >= attempt:  # the same attempt again, after a retry of this function
        return before.tried
    score = files.evaluated(attempt - 1).student
    measured = files.measurements().measured
    slow = [told_measurement(item) for item in measured if item.attempt == attempt - 1]
    reached = "; ".join(slow) or (
        f"{score.value:.3f} [{score.lo:.3f}, {score.hi:.3f}] on {score.n} held-out records"
    )
    if cut := files.distilled(attempt - 1).cut_short:
        reached = f"{reached}; {cut}"
    return (*before.tried, TriedStudent(name=before.plan.student, reason=reached))
