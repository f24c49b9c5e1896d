"""InspectDataset: the dataset as canonical records in three splits, counted and hashed."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from lambdas.aws import run_roles, runs_table
from lambdas.aws.run_files import RunFiles
from lambdas.aws.settings import settings
from lambdas.aws.spec_folder import SpecFolder
from lambdas.gathering.input_files import content_hash, data_files, stored_dataset
from lambdas.step import step
from stratos.contracts.jobs import InspectResult
from stratos.contracts.records import SPLITS
from stratos.contracts.run import RunRef, RunRow
from stratos.dataset.allowance import MAX_BYTES, MAX_SECONDS, Allowance
from stratos.dataset.inspect_for_run import inspect_for_run
from stratos.dataset.inspection import Inspection
from stratos.errors import DatasetRejected, DatasetTooLarge, SpecRejected
from stratos.pipeline.steps import Dataset, InspectInput


@step
def handler(payload: InspectInput) -> Dataset:
    """Split the dataset, and say whether anything changed since the last good run.

    One that is too large for that is split by a job, whose result is the answer when it is there.
    The roles of the run are made first: it has its place, and IAM tells its other regions of a new
    role within seconds, not at once.
    """
    run, files = payload.run, RunFiles(payload.run)
    if payload.roles == "own":
        run_roles.make(run)
    last = _last_good_run(run) if run.rerun else None
    split = files.find_split_by_job()
    found, digest = _split(run, files, last) if split is None else _split_by_job(files, split)
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
        unchanged=last is not None and last.content_hash == digest,
    )


def _split(run: RunRef, files: RunFiles, last: RunRow | None) -> tuple[Inspection, str]:
    """Split the dataset here, and return the hash of all inputs with what was found.

    The same inputs as those of the last run are not split again, which may take a job that is paid.
    """
    spec, folder = files.spec(), SpecFolder(run)
    allowance = Allowance(MAX_BYTES, MAX_SECONDS, started=time.monotonic())
    digest = content_hash(folder, spec)
    _refuse_replaced(run, folder, digest)
    if last is not None and last.content_hash == digest:
        known = RunFiles(last.ref).find_inspection()
        if known is not None:
            files.put_inspection(known)
            return known, digest
    size = stored_dataset(folder, spec).num_bytes
    if size > settings().large_dataset_bytes:
        raise DatasetTooLarge(f"{size / 1e9:.2f} GB or more are to be read; a job splits them")
    with tempfile.TemporaryDirectory() as name:
        splits = Path(name)
        found = inspect_for_run(spec, data_files(folder, spec), folder, splits, allowance)
        for split in SPLITS:
            files.upload_split(split, splits / f"{split}.jsonl")
    files.put_inspection(found)
    return found, digest


def _refuse_replaced(run: RunRef, folder: SpecFolder, digest: str) -> None:
    """A run that waited for its place is of the files that there were when it came.

    A scheduled rerun is of the newest, and so is a run whose files alone were replaced: no other
    run would take these.

    Raises:
        DatasetRejected: a newer upload of the spec came with other files.
    """
    if run.rerun or not run.waited_seconds or not folder.has_newer_spec():
        return
    row = runs_table.find(run.run_id)
    if row is not None and row.content_hash not in (None, digest):
        raise DatasetRejected(
            "its dataset, checker or models were replaced while it waited for its place, and so "
            "was its spec; the newer upload has a run of its own (`stratos runs`). To run this "
            "version, too, upload it under another name"
        )


def _split_by_job(files: RunFiles, result: InspectResult) -> tuple[Inspection, str]:
    """What a job has found, or the refusal that it came to."""
    if result.problems:
        raise SpecRejected(result.problems)
    if result.refused is not None:
        raise DatasetRejected(result.refused)
    return files.inspection(), result.content_hash


def _last_good_run(run: RunRef) -> RunRow | None:
    """The last run of this spec that succeeded."""
    for row in runs_table.runs_of_spec(run.spec_key):
        if row.status == "succeeded" and row.run_id != run.run_id:
            return row
    return None
