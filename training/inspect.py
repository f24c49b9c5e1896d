"""Inspect: a dataset that no function could split in its 15 minutes, split as a function would.

InspectDataset answers by what this job leaves in the bucket. A dataset that cannot be used is an
answer, too, so that it is refused in the same words wherever it was read.
"""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from stratos.contracts.jobs import InspectConfig, InspectResult
from stratos.contracts.records import SPLITS
from stratos.dataset.allowance import Allowance
from stratos.dataset.inspect_dataset import DataFile
from stratos.dataset.inspect_for_run import inspect_for_run
from stratos.errors import DatasetRejected, SpecRejected
from stratos.problems import Problem
from stratos.spec.folder import dataset_files, files_under
from training.container.bucket_files import BucketFiles
from training.container.clock import JobClock
from training.job.job import Job, run_job

_UPLOAD_SHARE = 0.1
"""Of the job's time, kept for uploading the splits."""
_SPOOL_SHARE = 0.6
"""Of the disk that is free, for the records; the rest is for what is known of each of them."""
_GB = 1e9


@dataclass
class _Watched:
    """A file of the dataset that tells how much of all of them has been read."""

    file: BinaryIO
    on_read: Callable[[int], None]

    def read(self, size: int, /) -> bytes:
        chunk = self.file.read(size)
        self.on_read(len(chunk))
        return chunk

    def close(self) -> None:
        self.file.close()


def inspect(job: Job[InspectConfig]) -> InspectResult:
    """Split the dataset and upload the splits, or say why it cannot be used."""
    # Half of an inspection is worth nothing, so there is nothing to save before the end.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    config = job.config
    folder = BucketFiles(config.spec_uri)
    with tempfile.TemporaryDirectory(dir=job.paths.model_dir.parent) as name:
        splits = Path(name)
        try:
            found = inspect_for_run(
                config.spec, _data_files(job), folder, splits, _allowance(splits, job.clock)
            )
        except SpecRejected as error:
            return _result(job, problems=error.problems)
        except DatasetRejected as error:
            return _result(job, refused=str(error))
        job.progress.doing("uploading the splits")
        for split in SPLITS:
            path = splits / f"{split}.jsonl"
            job.storage.upload_records(path, f"{config.splits_uri}{path.name}")
        job.storage.put(f"{config.splits_uri}inspection.json", found)
    return _result(job)


def _data_files(job: Job[InspectConfig]) -> Iterator[DataFile]:
    """The dataset's files in the channel, under the names that they have in the spec's folder."""
    channel, root = job.paths.channel("dataset"), job.config.dataset_root
    found = [root + path for path in files_under(channel)("")]
    dataset = job.config.spec.task.dataset
    names = dataset_files(dataset, lambda _: [one for one in found if one.startswith(dataset)])
    paths = {name: channel / name.removeprefix(root) for name in names}
    total, done = sum(path.stat().st_size for path in paths.values()), 0

    def count(num_bytes: int) -> None:
        nonlocal done
        done += num_bytes
        job.progress.report("reading the dataset", done / _GB, total / _GB, "GB")

    for name, path in paths.items():
        yield DataFile(name, partial(_open, path, count))


def _open(path: Path, on_read: Callable[[int], None]) -> _Watched:
    return _Watched(path.open("rb"), on_read)


def _allowance(folder: Path, clock: JobClock) -> Allowance:
    """The room on the job's disk, and its time."""
    return Allowance(
        max_bytes=int(_SPOOL_SHARE * shutil.disk_usage(folder).free),
        max_seconds=(1 - _UPLOAD_SHARE) * clock.deadline_seconds,
        clock=lambda: clock.seconds,
    )


def _result(
    job: Job[InspectConfig], refused: str | None = None, problems: tuple[Problem, ...] = ()
) -> InspectResult:
    return InspectResult(
        seconds=job.clock.seconds,
        usd=0.0,
        content_hash=job.config.content_hash,
        refused=refused,
        problems=problems,
    )


def main() -> int:
    return run_job("inspect", InspectConfig, inspect)


if __name__ == "__main__":
    sys.exit(main())
