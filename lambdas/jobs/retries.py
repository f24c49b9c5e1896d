"""The attempt that follows a failed training job."""

from __future__ import annotations

from typing import Any

from lambdas.aws.bucket import Bucket
from lambdas.aws.catalog_files import CatalogFiles
from lambdas.aws.elsewhere_files import ElsewhereFiles
from lambdas.aws.job_names import job_name
from lambdas.aws.run_files import RunFiles
from lambdas.aws.settings import settings
from lambdas.aws.shard_files import ShardFiles
from lambdas.jobs.cpu_servers import cheapest_cpus
from lambdas.jobs.factory import PROCESSES, placement, training_processes, types_asked
from lambdas.jobs.regions import region_of, require_room
from lambdas.jobs.spending import outlay_of, token_usd
from stratos.catalog.servers import SPOT_BILLED_SHARE
from stratos.contracts.jobs import AnyJobConfig, EvaluateConfig, SynthesizeConfig
from stratos.contracts.match import plans_in_order, training_servers
from stratos.contracts.plan import Server
from stratos.contracts.run import RunRef
from stratos.pipeline.job_failure import Classification
from stratos.pipeline.steps import TrainingJob
from stratos.planning.preferences import on_demand, preferences
from stratos.sharding.number import step_of_shard
from stratos.spec import LlmJudge, Logs, Weights

MAX_CRASHES = 2
MAX_ATTEMPTS = 5
EXPORT_SECONDS = 60.0
"""After a timeout the next attempt only has to export the best checkpoint."""


def retry_of(run: RunRef, job: TrainingJob, verdict: Classification) -> TrainingJob | None:
    """Return the next attempt under a new name and with the same checkpoints, or None.

    A crash is tried again with the same request; a lack of capacity or quota, on other servers,
    those of the same region first; a region that is gone, in another; a training job that ran out
    of time, once more, to export its best checkpoint. What a person did or has to fix is not tried
    again.

    Raises:
        BudgetExhausted: another region would cost more than is left.
    """
    following = _following(run, job, verdict)
    step = step_of_shard(job.step)
    if following is not None and step is not None:
        ShardFiles(run, step).put_retried(following)
    return following


def _following(run: RunRef, job: TrainingJob, verdict: Classification) -> TrainingJob | None:
    attempt = job.attempt + 1
    if attempt >= MAX_ATTEMPTS:
        return None
    _carry_spending_over(run, job, verdict)
    changes: dict[str, Any] = {
        "attempt": attempt,
        "name": job_name(run.run_id, job.step, attempt),
    }
    match verdict.outcome:
        case "crash" if attempt <= MAX_CRASHES:
            return job.model_copy(update=changes)
        case "capacity" | "quota" | "unreachable":
            return _elsewhere(run, job, verdict, changes)
        case "timeout" if job.step.startswith("distill") and attempt <= 1:
            RunFiles(run).change_job_config(job.step, {"deadline_seconds": EXPORT_SECONDS})
            return job.model_copy(update=changes)
        case _:
            return None


def _elsewhere(
    run: RunRef, job: TrainingJob, verdict: Classification, changes: dict[str, Any]
) -> TrainingJob | None:
    """The same job on servers that it has not asked for yet, in the order of the front.

    Before that, on demand where spot did not come: spot has a quota of its own. And without the one
    whose quota is used up. None in a region that is gone.
    """
    here = region_of(job)
    asked, config = types_asked(job.resource_config), RunFiles(run).job_config(job.step)
    servers = _servers(run, job)
    tried = {(one.region, one.instance_type) for one in config.servers}
    tried |= {(here, name) for name in asked}
    left = [one for one in servers if (one.region, one.instance_type) not in tried]
    if verdict.outcome == "unreachable":
        left = [one for one in left if one.region != here]
    else:
        left.sort(key=lambda one: one.region != here)
        left = [*_in_its_place(run, job, verdict, (*config.servers, *servers)), *left]
    if not left:
        return None
    if left[0].region != here:
        changes["deadline_seconds"] = require_room(run, job, left[0])
    following = preferences(left[0], left[1:])
    if not settings().several_instance_types:
        following = following[:1]
    if job.step.startswith("distill"):
        changes["environment"] = _environment(job, following)
    known = (*config.servers, *(one for one in following if one not in config.servers))
    values = {"usd_per_hour": following[0].usd_per_hour, "servers": known}
    if (seconds := changes.pop("deadline_seconds", None)) is not None:
        values["deadline_seconds"] = min(seconds, config.deadline_seconds)
    config = RunFiles(run).change_job_config(job.step, values)
    ebs_gib = job.ebs_gib or job.resource_config["VolumeSizeInGB"]
    return job.model_copy(update=changes | placement(following, config.deadline_seconds, ebs_gib))


def _in_its_place(
    run: RunRef, job: TrainingJob, verdict: Classification, known: tuple[Server, ...]
) -> list[Server]:
    """Servers that the job asked for and may yet get: on demand, or within their quota."""
    here, asked, left = region_of(job), types_asked(job.resource_config), []
    if verdict.outcome == "quota":
        within = [name for name in asked if name not in verdict.reason]
        if len(within) < len(asked):
            bought = RunFiles(run).job_config(job.step).servers
            left = [
                one
                for one in bought
                if (one.purchase == "spot") == job.spot
                and one.region == here
                and one.instance_type in within
            ]
    if job.spot:
        left = [*_uninterrupted(run, job, known), *left]
    return left


def _environment(job: TrainingJob, servers: tuple[Server, ...]) -> dict[str, str]:
    """Without what was said of the processes on other servers."""
    told = {name: text for name, text in job.environment.items() if name not in PROCESSES}
    return told | training_processes(servers)


def _uninterrupted(run: RunRef, job: TrainingJob, known: tuple[Server, ...]) -> list[Server]:
    """The server of a spot job, on demand, if the budget of the spec lasts for it."""
    [name] = types_asked(job.resource_config)
    wanted = (region_of(job), name)
    server = next((one for one in known if (one.region, one.instance_type) == wanted), None)
    if server is None:
        return []
    files = RunFiles(run)
    limit = files.spec().constraints.max_budget_usd
    plan = files.match().plan
    hours = plan.num_training_tokens / max(plan.training_tokens_per_second, 1e-9) / 3600
    dearer = hours * server.usd_per_hour * (1 - SPOT_BILLED_SHARE)
    if limit is not None and plan.usd_to_deploy.value + dearer > limit:
        return []
    return [on_demand(server)]


def _servers(run: RunRef, job: TrainingJob) -> list[Server]:
    """Training servers in order of preference: of the match, or of the first plans for a probe.

    Before there are plans, for an inspection, the cheapest.
    """
    files = RunFiles(run)
    if job.step.startswith("inspect"):
        return list(cheapest_cpus(CatalogFiles(run).servers(), settings().aws_region))
    if job.step.startswith("probe"):
        plans = files.plans()
        ordered = (plans.chosen, *plans.fallbacks, *plans.front)
        servers = [plan.training for plan in ordered]
        found = {(server.region, server.instance_type): server for server in servers}
        return [on_demand(server) for server in found.values()]
    evidence = files.match()
    servers = training_servers(plans_in_order(evidence.matching), evidence.plan)
    if job.step.startswith("distill"):
        return servers
    return [on_demand(server) for server in servers]


def _carry_spending_over(run: RunRef, job: TrainingJob, verdict: Classification) -> None:
    """Let the next attempt count on from what the failed one has paid its teacher.

    One of a region that is gone may pay all that it was given.
    """
    config = RunFiles(run).job_config(job.step)
    spent = token_usd(run, job.step)
    lost = verdict.outcome == "unreachable" and _may_go_on(run, job) and _pays(config)
    if lost and config.budget_usd is not None:
        at_most = config.spent_usd + config.budget_usd
        left = _usd_in_its_place(run, job, config.budget_usd, at_most - spent)
        RunFiles(run).change_job_config(job.step, {"spent_usd": at_most, "budget_usd": left})
        return
    newly = spent - config.spent_usd
    if newly <= 0:
        return
    left_usd = None if config.budget_usd is None else max(0.0, config.budget_usd - newly)
    RunFiles(run).change_job_config(job.step, {"spent_usd": spent, "budget_usd": left_usd})


def _may_go_on(run: RunRef, job: TrainingJob) -> bool:
    """Whether a job of another region may still run, for all that home knows."""
    known = ElsewhereFiles(Bucket(run.bucket), run.run_id).find_job(job.name)
    return known is not None and not known.over


def _pays(config: AnyJobConfig) -> bool:
    """Whether a job pays for tokens."""
    if not isinstance(config, SynthesizeConfig | EvaluateConfig):
        return False
    free = isinstance(config.teacher, Weights | Logs)
    return not free or isinstance(config.judging.verifier, LlmJudge)


def _usd_in_its_place(run: RunRef, job: TrainingJob, budget_usd: float, lost_usd: float) -> float:
    """What the next attempt may pay while the lost one may pay `lost_usd` more.

    As much as the lost one if the run has it. Shards wait for what others leave: each would take
    the same money.
    """
    limit = RunFiles(run).spec().constraints.max_budget_usd
    if limit is None or step_of_shard(job.step) is not None:
        return 0.0
    return max(0.0, min(budget_usd, limit - outlay_of(run).usd - lost_usd))
