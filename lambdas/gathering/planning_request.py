"""What the planner is asked, gathered from the bucket and the account."""

from __future__ import annotations

from collections.abc import Sequence

from lambdas.aws.catalog_files import CatalogFiles
from lambdas.aws.live_mode import live_mode
from lambdas.aws.run_files import RunFiles
from lambdas.aws.settings import settings
from lambdas.gathering.live_instances import servers_for
from lambdas.gathering.model_pool import ModelPool
from lambdas.gathering.region_quotas import region_quotas
from stratos.contracts.records import Record
from stratos.contracts.run import RunRef
from stratos.dataset.template_tokens import count_templates
from stratos.dataset.token_estimate import (
    CountTokens,
    counter_of,
    longest_prompt,
    mean_tokens,
)
from stratos.hosting.modes.table import MODES_ELSEWHERE
from stratos.measuring.gates import Outlay
from stratos.moment import now
from stratos.pipeline.steps import Dataset
from stratos.planning.request import DatasetFacts, PlanningRequest, RecentRefusal
from stratos.spec import Spec

_SAMPLE = 500
"""Records whose tokens are counted."""


def planning_request(
    run: RunRef, spec: Spec, dataset: Dataset, pool: ModelPool, spent: Outlay
) -> PlanningRequest:
    """Gather catalogs, calibration, sizes and what is in service for one run."""
    catalog = CatalogFiles(run)
    quotas = region_quotas(_worker_regions(spec))
    sample = RunFiles(run).sample("probe", _SAMPLE)
    beside = (student.path for student in spec.students if student.path is not None)
    return PlanningRequest(
        spec=spec,
        region=settings().aws_region,
        training_regions=settings().regions,
        serving_regions=settings().regions,
        modes_elsewhere=MODES_ELSEWHERE,
        refusals=_refusals(catalog),
        quotas=quotas.known,
        unreached=quotas.unreached,
        teachers=count_templates(pool.teacher_cards(), pool.teachers, pool.files, sample),
        students=count_templates(pool.student_cards(), pool.students, pool.files, sample),
        servers=servers_for(spec, catalog.servers()),
        dataset=_facts(
            dataset, sample, counter_of(pool.files, beside), RunFiles(run).dataset_bytes()
        ),
        calibration=catalog.calibration(),
        spent_usd=spent.usd,
        spent_hours=spent.hours,
        live_mode=live_mode(run, spec),
    )


def _worker_regions(spec: Spec) -> list[str]:
    """Those that the spec allows: of no other is anything asked."""
    named = spec.constraints.regions
    return [region for region in settings().regions[1:] if named is None or region in named]


def _refusals(catalog: CatalogFiles) -> tuple[RecentRefusal, ...]:
    """What regions refused, with its age. Outages and quotas are no lack of capacity, and over
    when they are over."""
    moment = now()
    return tuple(
        RecentRefusal(
            region=refusal.region,
            instance_type=refusal.instance_type,
            purchase=refusal.purchase,
            hours_ago=max(0.0, (moment - refusal.at).total_seconds() / 3600),
        )
        for refusal in catalog.refusals()
        if refusal.outcome == "capacity"
    )


def _facts(
    dataset: Dataset, sample: Sequence[Record], count: CountTokens, dataset_bytes: int
) -> DatasetFacts:
    prompts = ["\n".join(message.content for message in record.messages) for record in sample]
    longest = dataset.longest_prompt_characters
    answers = (record.gold for record in sample if record.gold is not None)
    return DatasetFacts(
        num_train=dataset.num_train,
        num_probe=dataset.num_probe,
        num_heldout=dataset.num_heldout,
        num_gold=dataset.num_gold,
        num_replies=dataset.num_replies,
        prompt_tokens=mean_tokens(prompts, count),
        answer_tokens=mean_tokens(answers, count),
        num_bytes=dataset_bytes,
        longest_prompt_tokens=None if longest is None else longest_prompt(prompts, count, longest),
    )
