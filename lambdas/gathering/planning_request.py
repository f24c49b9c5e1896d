"""What the planner is asked, gathered from the bucket."""

from __future__ import annotations

from lambdas.aws.bucket import Bucket
from lambdas.aws.sagemaker import mode_in_service
from lambdas.aws.settings import settings
from lambdas.gathering.live_instances import servers_for
from lambdas.gathering.model_pool import ModelPool
from stratos.catalog.servers import ServerCatalog
from stratos.contracts.bucket import CALIBRATION_KEY, SERVERS_KEY, RunKeys, spec_folder
from stratos.contracts.records import Record
from stratos.contracts.run import RunRef
from stratos.dataset.token_estimate import CountTokens, by_characters, by_vocabulary, mean_tokens
from stratos.hosting.names import endpoint_name
from stratos.measuring.gates import Outlay
from stratos.pipeline.steps import Dataset
from stratos.planning.request import CalibrationRow, DatasetFacts, PlanningRequest
from stratos.spec import Spec

_SAMPLE = 500
"""Records whose tokens are counted."""


def planning_request(
    run: RunRef, spec: Spec, dataset: Dataset, pool: ModelPool, spent: Outlay
) -> PlanningRequest:
    """Gather catalogs, calibration, sizes and what is in service for one run."""
    bucket = Bucket(run.bucket)
    return PlanningRequest(
        spec=spec,
        region=settings().aws_region,
        teachers=pool.teacher_cards(),
        students=pool.student_cards(),
        servers=servers_for(spec, servers(bucket)),
        dataset=_facts(bucket, run, spec, dataset),
        calibration=_calibration(bucket),
        spent_usd=spent.usd,
        spent_hours=spent.hours,
        live_mode=mode_in_service(endpoint_name(spec.name)),
    )


def servers(bucket: Bucket) -> ServerCatalog:
    """The catalog in the bucket, or the shipped one where there is none."""
    return bucket.find_model(SERVERS_KEY, ServerCatalog) or ServerCatalog.aws()


def _facts(bucket: Bucket, run: RunRef, spec: Spec, dataset: Dataset) -> DatasetFacts:
    count = _counter(bucket, run, spec)
    sample = bucket.read_rows(RunKeys(run.run_id).dataset + "probe.jsonl", Record, _SAMPLE)
    prompts = ("\n".join(message.content for message in record.messages) for record in sample)
    answers = (record.gold for record in sample if record.gold is not None)
    return DatasetFacts(
        num_train=dataset.num_train,
        num_probe=dataset.num_probe,
        num_heldout=dataset.num_heldout,
        num_gold=dataset.num_gold,
        prompt_tokens=mean_tokens(prompts, count),
        answer_tokens=mean_tokens(answers, count),
    )


def _counter(bucket: Bucket, run: RunRef, spec: Spec) -> CountTokens:
    """By the vocabulary of the first student that lies beside the spec, if one does."""
    folder = spec_folder(run.spec_key)
    for student in spec.students:
        if student.path is not None:
            key = f"{folder}{student.path.rstrip('/')}/tokenizer.json"
            try:
                return by_vocabulary(bucket.read(key))
            except (FileNotFoundError, ValueError):
                continue
    return by_characters


def _calibration(bucket: Bucket) -> tuple[CalibrationRow, ...]:
    try:
        lines = bucket.read(CALIBRATION_KEY).splitlines()
    except FileNotFoundError:
        return ()
    return tuple(CalibrationRow.model_validate_json(line) for line in lines if line.strip())
