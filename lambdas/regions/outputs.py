"""BringHome: what a job has made comes to the home bucket, under the same keys."""

from __future__ import annotations

import time

from lambdas.aws.run_files import RunFiles
from lambdas.regions.answers import Pulse
from lambdas.regions.copier import Copier
from lambdas.regions.inputs import PATIENCE_SECONDS, copy_checkpoints
from lambdas.regions.ledger import CopyLedger
from lambdas.regions.places import Place
from lambdas.regions.records_at_home import keep_transfers
from stratos.contracts.bucket import RunKeys, split_uri
from stratos.contracts.jobs import SynthesizeConfig
from stratos.pipeline.worker_jobs import WorkerJob
from stratos.waiting import within


def bring_outputs(worker: WorkerJob) -> None:
    """Copy a job's artifact, result, progress, records and checkpoints home.

    Raises:
        CopyUnfinished: some of it is missing; the next call goes on.
        NoLongerAwaited: home has stopped waiting.
        HomeUnreachable: home does not answer.
    """
    own, copier = Place.own(), _copier(worker)
    keys = RunKeys(worker.run.run_id)
    folder, config = keys.job(worker.job.step), keys.job_config(worker.job.step)
    prefixes = [f"{keys.models}{worker.job.name}/", *_records(worker), folder]
    result = keys.job_result(worker.job.step)
    try:
        copy_checkpoints(copier, own, worker.run.run_id, worker.job.step)
        for prefix in prefixes:
            found = [item.key for item in own.files.list(prefix)]
            rest = [key for key in found if not key.startswith(config) and key != result]
            copier.copy_all(own, rest)
        if own.files.exists(result):  # last: with it, home takes the job's part for done
            copier.copy(own, result)
    finally:
        keep_transfers(worker.run, worker.home, worker.job.name, copier.transfers)


def bring_checkpoints(worker: WorkerJob) -> None:
    """Copy the checkpoints of a job that goes on; those that are home already stay as they are."""
    own, copier = Place.own(), _copier(worker)
    try:
        copy_checkpoints(copier, own, worker.run.run_id, worker.job.step)
    finally:
        keep_transfers(worker.run, worker.home, worker.job.name, copier.transfers)


def bring_progress(worker: WorkerJob) -> None:
    """Copy what a job says about itself, for whoever follows the run."""
    key = RunKeys(worker.run.run_id).job_progress(worker.job.step)
    try:
        told = Place.own().files.read(key)
    except FileNotFoundError:
        return
    Place.of_home(worker.home).files.put(key, told, "application/json")


def _copier(worker: WorkerJob) -> Copier:
    home = Place.of_home(worker.home)
    return Copier(
        target=home,
        ledger=CopyLedger(Place.own().files, home.region),
        owner=worker.job.name,
        deadline=within(PATIENCE_SECONDS, time.monotonic),
        pulse=Pulse(worker.home),
    )


def _records(worker: WorkerJob) -> list[str]:
    """Prefix of the records that a job wrote, if it is one that does.

    Nothing is fetched by a config from beyond the run's records.

    Raises:
        ValueError: the config names a place that is none of the run's records.
    """
    here = worker.run.model_copy(update={"bucket": Place.own().bucket})
    config = RunFiles(here).job_config(worker.job.step)
    if not isinstance(config, SynthesizeConfig):
        return []
    keys, prefix = RunKeys(worker.run.run_id), split_uri(config.records_uri)[1]
    if not prefix.startswith((keys.records, keys.records_of_shard(worker.job.step))):
        raise ValueError(
            f"{worker.job.name} says that its records are in {config.records_uri}; they can be "
            f"below {keys.records} or {keys.records_of_shard(worker.job.step)} only"
        )
    return [prefix]
