"""InspectDataset: the dataset as canonical records in three splits, counted and hashed."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from lambdas.aws import runs_table
from lambdas.aws.run_files import RunFiles
from lambdas.aws.spec_folder import SpecFolder
from lambdas.gathering.input_files import content_hash, data_files
from lambdas.step import step
from stratos.catalog.model_files import ModelFiles
from stratos.catalog.spec_models import require_roles
from stratos.contracts.records import SPLITS
from stratos.contracts.run import RunRef
from stratos.dataset.allowance import MAX_BYTES, MAX_SECONDS, Allowance
from stratos.dataset.conversations import conversations_in
from stratos.dataset.inspect_dataset import inspect_dataset
from stratos.dataset.logged import require_replies
from stratos.dataset.token_lengths import token_lengths
from stratos.pipeline.steps import Dataset, InspectInput


@step
def handler(payload: InspectInput) -> Dataset:
    """Split the dataset, and say whether anything changed since the last good run."""
    run, files = payload.run, RunFiles(payload.run)
    spec, folder = files.spec(), SpecFolder(run)
    allowance = Allowance(MAX_BYTES, MAX_SECONDS, started=time.monotonic())
    digest = content_hash(folder, spec)
    with tempfile.TemporaryDirectory() as name:
        splits = Path(name)
        found = inspect_dataset(data_files(folder, spec), spec.task, splits, allowance)
        require_replies(spec, found)
        models = ModelFiles(folder)
        require_roles(spec, models, conversations_in(splits))
        found = found.model_copy(update={"tokens": token_lengths(splits, spec, models)})
        for split in SPLITS:
            files.upload_split(split, splits / f"{split}.jsonl")
    files.put_inspection(found)
    runs_table.update(run.run_id, content_hash=digest)
    return Dataset(
        uri=files.dataset_uri(),
        num_train=found.num_records["train"],
        num_probe=found.num_records["probe"],
        num_heldout=found.num_records["heldout"],
        num_gold=found.num_gold,
        num_replies=sum(found.num_replies.values()),
        num_duplicates_removed=found.num_exact_duplicates + found.num_near_duplicates,
        num_bad_lines=found.num_bad_lines,
        mean_prompt_characters=found.prompt_characters.mean,
        longest_prompt_characters=found.prompt_characters.max,
        mean_gold_characters=found.gold_characters.mean,
        content_hash=digest,
        unchanged=run.rerun and _last_good_hash(run) == digest,
    )


def _last_good_hash(run: RunRef) -> str | None:
    """Content hash of the last run of this spec that succeeded."""
    for row in runs_table.runs_of_spec(run.spec_key):
        if row.status == "succeeded" and row.run_id != run.run_id:
            return row.content_hash
    return None
