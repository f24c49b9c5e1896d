"""What the planner is asked, gathered from the bucket and the account."""

from __future__ import annotations

from lambdas.aws.catalog_files import CatalogFiles
from lambdas.aws.run_files import RunFiles
from lambdas.aws.sagemaker import mode_in_service
from lambdas.aws.settings import settings
from lambdas.aws.spec_folder import SpecFolder
from lambdas.gathering.live_instances import servers_for
from lambdas.gathering.model_pool import ModelPool
from stratos.catalog.model_files import ModelFiles
from stratos.contracts.run import RunRef
from stratos.dataset.token_estimate import (
    CountTokens,
    by_characters,
    by_vocabulary,
    longest_prompt,
    mean_tokens,
)
from stratos.measuring.gates import Outlay
from stratos.pipeline.steps import Dataset
from stratos.planning.request import DatasetFacts, PlanningRequest
from stratos.spec import Spec

_SAMPLE = 500
"""Records whose tokens are counted."""


def planning_request(
    run: RunRef, spec: Spec, dataset: Dataset, pool: ModelPool, spent: Outlay
) -> PlanningRequest:
    """Gather catalogs, calibration, sizes and what is in service for one run."""
    catalog = CatalogFiles(run)
    return PlanningRequest(
        spec=spec,
        region=settings().aws_region,
        teachers=pool.teacher_cards(),
        students=pool.student_cards(),
        servers=servers_for(spec, catalog.servers()),
        dataset=_facts(run, spec, dataset),
        calibration=catalog.calibration(),
        spent_usd=spent.usd,
        spent_hours=spent.hours,
        live_mode=mode_in_service(settings().names.endpoint(spec.name)),
    )


def _facts(run: RunRef, spec: Spec, dataset: Dataset) -> DatasetFacts:
    count = _counter(run, spec)
    sample = RunFiles(run).sample("probe", _SAMPLE)
    prompts = ["\n".join(message.content for message in record.messages) for record in sample]
    longest = dataset.longest_prompt_characters
    answers = (record.gold for record in sample if record.gold is not None)
    return DatasetFacts(
        num_train=dataset.num_train,
        num_probe=dataset.num_probe,
        num_heldout=dataset.num_heldout,
        num_gold=dataset.num_gold,
        prompt_tokens=mean_tokens(prompts, count),
        answer_tokens=mean_tokens(answers, count),
        longest_prompt_tokens=None if longest is None else longest_prompt(prompts, count, longest),
    )


def _counter(run: RunRef, spec: Spec) -> CountTokens:
    """By the vocabulary of the first student that lies beside the spec, else by characters."""
    files = ModelFiles(SpecFolder(run))
    for student in spec.students:
        if student.path is not None:
            try:
                return by_vocabulary(files.read(f"{student.path.rstrip('/')}/tokenizer.json"))
            except (FileNotFoundError, ValueError):
                continue
    return by_characters
