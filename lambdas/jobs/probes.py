"""Probes: each shortlisted teacher and untuned student, asked the probe questions."""

from __future__ import annotations

from collections.abc import Mapping

from lambdas.aws.settings import settings
from lambdas.gathering.model_pool import ModelPool
from lambdas.jobs.cpu_servers import cheapest_cpus
from lambdas.jobs.factory import JobFactory
from lambdas.jobs.spending import hours_of
from stratos.catalog.model_card import ModelCard
from stratos.catalog.servers import ServerCatalog
from stratos.contracts.jobs import Judging, ProbeConfig
from stratos.contracts.match import trained_alike
from stratos.contracts.plan import Plan, PlanSet, Server
from stratos.pipeline.steps import TrainingJob
from stratos.planning.deadlines import deadline_seconds, token_budget_usd
from stratos.planning.forecast.start_up import job_start
from stratos.planning.preferences import on_demand, preferences
from stratos.spec import Spec, Teacher, Weights


def probe_jobs(
    factory: JobFactory,
    teachers: Mapping[str, Plan],
    students: Mapping[str, Plan],
    plans: PlanSet,
    pool: ModelPool,
    servers: ServerCatalog,
    spent_usd: float,
) -> list[TrainingJob]:
    """Jobs for shortlisted teachers and students, on the training server of each one's plan.

    Args:
        plans: Of the front, for servers in its place.
    """
    num_jobs = len(teachers) + len(students)
    jobs = []
    for index, (name, plan) in enumerate(teachers.items()):
        teacher = pool.teachers[name]
        asked = _uninterrupted(plan, plans)
        if not isinstance(teacher, Weights):
            # Keys, logs and batches of Bedrock are at home.
            asked = cheapest_cpus(servers, settings().aws_region) or asked
        card = pool.cards[f"teacher/{name}"]
        jobs.append(_probe(factory, f"probe-t{index}", teacher, card, asked, num_jobs, spent_usd))
    for index, (name, plan) in enumerate(students.items()):
        asked = _uninterrupted(plan, plans)
        student, card = pool.students[name], pool.cards[f"student/{name}"]
        jobs.append(_probe(factory, f"probe-s{index}", student, card, asked, num_jobs, spent_usd))
    return jobs


def judging(spec: Spec) -> Judging:
    """How every job of a run scores an answer."""
    task = spec.task
    return Judging(
        verifier=task.verifier,
        answer_marker=task.answer_marker,
        has_checker=task.checker is not None,
    )


def _probe(
    factory: JobFactory,
    step: str,
    model: Teacher,
    card: ModelCard,
    servers: tuple[Server, ...],
    num_jobs: int,
    spent_usd: float,
) -> TrainingJob:
    spec, files = factory.spec, factory.files
    config = ProbeConfig(
        run_id=factory.run.run_id,
        result_uri=files.result_uri(step),
        progress_uri=files.progress_uri(step),
        deadline_seconds=deadline_seconds(
            "probe",
            spec.constraints,
            hours_of(factory.run),
            max(job_start(server.instance_type).seconds for server in servers),
        ),
        budget_usd=token_budget_usd("probe", spec.constraints, spent_usd, num_jobs=num_jobs),
        usd_per_hour=servers[0].usd_per_hour,
        judging=judging(spec),
        role="teacher" if step.startswith("probe-t") else "student",
        model=model,
        max_new_tokens=spec.task.max_reply_tokens,
        synthesis=spec.synthesis,
    )
    channels = {"dataset": files.dataset_uri("probe"), **factory.model_channel("model", model)}
    return factory.make(step, config, servers, channels, reads=[card])


def _uninterrupted(plan: Plan, plans: PlanSet) -> tuple[Server, ...]:
    """The training server of a plan and those in its place.

    On demand: a probe is short, and an interruption would cost more than spot saves.
    """
    alike = trained_alike((plans.chosen, *plans.fallbacks, *plans.front), plan)
    return preferences(on_demand(plan.training), (on_demand(one.training) for one in alike))
