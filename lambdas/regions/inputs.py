"""FetchInputs: what a job reads comes to its region, and the job becomes one of that region."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator

from lambdas.regions.answers import Pulse
from lambdas.regions.copier import Copier
from lambdas.regions.ledger import CopyLedger
from lambdas.regions.places import Move, Place
from lambdas.regions.records_at_home import keep_transfers
from stratos.contracts.bucket import RunKeys, split_uri
from stratos.pipeline.worker_jobs import WorkerJob
from stratos.waiting import within

PATIENCE_SECONDS = 720.0
"""For the copies of one call; the function has 900 in all."""
CONFIG_CHANNEL = "config"
_URI = "s3://"
_CHECKPOINT = re.compile(r"/step-\d{9}$")
_HEAD, _TENSORS = "checkpoint.json", "tensors.safetensors"
"""Of a checkpoint, as `training.learning.checkpoints` writes it."""


def fetch_inputs(worker: WorkerJob) -> WorkerJob:
    """Copy what a job reads, and return the job with the URIs and the key of its region.

    Raises:
        CopyUnfinished: some of it is missing; the next call goes on.
        NoLongerAwaited: home has stopped waiting.
        HomeUnreachable: home does not answer.
    """
    home, own = Place.of_home(worker.home), Place.own()
    copier = Copier(
        target=own,
        ledger=CopyLedger(own.files, own.region),
        owner=worker.job.name,
        deadline=within(PATIENCE_SECONDS, time.monotonic),
        pulse=Pulse(worker.home),
    )
    move = Move(home, own)
    try:
        for uri in _input_uris(worker):
            bucket, prefix = split_uri(uri)
            _mirror(copier, Place(home.region, bucket, home.kms_key_arn), prefix)
        for uri in worker.job.hyper_parameters.values():
            if uri.startswith(_URI):
                bucket, key = split_uri(uri)
                copier.copy(Place(home.region, bucket, home.kms_key_arn), key)
        _fetch_checkpoints(copier, home, worker)
    finally:
        keep_transfers(worker.run, worker.home, worker.job.name, copier.transfers)
    config = RunKeys(worker.run.run_id).job_config(worker.job.step) + "config.json"
    own.files.put(config, move.config(home.files.read(config)), "application/json")
    return worker.model_copy(update={"job": move.job(worker.job)})


def _input_uris(worker: WorkerJob) -> Iterator[str]:
    """Of every channel but the configuration, which is written for the region."""
    for channel in worker.job.input_data_config:
        if channel["ChannelName"] != CONFIG_CHANNEL:
            yield str(channel["DataSource"]["S3DataSource"]["S3Uri"])


def _mirror(copier: Copier, source: Place, prefix: str) -> None:
    """Make a prefix hold what it holds at home, and nothing else: a job reads all that is there."""
    keys = [item.key for item in source.files.list(prefix)]
    copier.copy_all(source, keys)
    target = copier.target.files
    for stale in {item.key for item in target.list(prefix)} - set(keys):
        target.delete(stale)


def _fetch_checkpoints(copier: Copier, home: Place, worker: WorkerJob) -> None:
    """Checkpoints that are newer at home. Those of an attempt in this region stay where they are
    newer than the copies that came home of them."""
    prefix = RunKeys(worker.run.run_id).checkpoints(worker.job.step)
    here = {item.key: item.modified for item in copier.target.files.list(prefix)}
    there = {item.key: item.modified for item in home.files.list(prefix)}
    newer = [key for key in _whole(there) if key not in here or there[key] >= here[key]]
    _copy_checkpoints(copier, home, newer)


def copy_checkpoints(copier: Copier, source: Place, run_id: str, step: str) -> None:
    """Copy the checkpoints of a job that are whole, the newest first.

    A call that runs out of time has copied the newest, or none of it that counts.
    """
    listed = [item.key for item in source.files.list(RunKeys(run_id).checkpoints(step))]
    _copy_checkpoints(copier, source, _whole(listed))


def _copy_checkpoints(copier: Copier, source: Place, keys: list[str]) -> None:
    by_folder: dict[str, list[str]] = {}
    for key in keys:
        by_folder.setdefault(key.rpartition("/")[0], []).append(key)
    for folder in sorted(by_folder, reverse=True):
        head = f"{folder}/{_HEAD}"
        copier.copy_all(source, [key for key in by_folder[folder] if key != head])
        if head in by_folder[folder]:
            copier.copy(source, head)


def _whole(keys: Iterable[str]) -> list[str]:
    """Without what is part of a checkpoint whose other files are not there yet."""
    held = set(keys)
    return sorted(key for key in held if not _is_partial(key, held))


def _is_partial(key: str, held: set[str]) -> bool:
    folder = key.rpartition("/")[0]
    if "/.partial-" in key:
        return True
    is_checkpoint = _CHECKPOINT.search(folder) is not None
    return is_checkpoint and not held.issuperset({f"{folder}/{_HEAD}", f"{folder}/{_TENSORS}"})
