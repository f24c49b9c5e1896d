"""How large a dataset may be, and how long its inspection may take."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from stratos.errors import DatasetTooLarge

MAX_BYTES = 6_000_000_000
"""What fits on InspectDataset's disk of 10 GiB, beside what is known of each record."""
MAX_SECONDS = 780.0
"""Of InspectDataset's 900; the rest is for uploading the splits."""
BYTES_PER_SECOND = 8_000_000
"""That are read, split and written by one CPU at least: 13 MB in benchmarks/results/dataset.json,
less where a function has a slower one."""
LARGE_BYTES = 500 * BYTES_PER_SECOND
"""A dataset of more is split by a job from the start. 500 of the function's 780 seconds leave room
for a slower CPU, and 4 of its 6 GB for records that are longer than their lines."""

_ADVICE = (
    "Upload fewer records (the strategy needs thousands, rarely millions), or split the dataset "
    "over several specs"
)


@dataclass(frozen=True)
class Allowance:
    """Limits of the function or job that inspects; None means no limit."""

    max_bytes: int | None = None
    """Of all records, as JSON lines."""
    max_seconds: float | None = None
    """From `started` until the splits are written."""
    started: float = 0.0
    clock: Callable[[], float] = time.monotonic

    def check_bytes(self, num_bytes: int, num_rows: int) -> None:
        """Raise DatasetTooLarge if the records take up too much."""
        if self.max_bytes is not None and num_bytes > self.max_bytes:
            raise DatasetTooLarge(
                f"the dataset is too large to inspect: more than {self.max_bytes / 1e9:.2f} GB as "
                f"records, {num_rows:,} rows in, and no more fits on the disk. {_ADVICE}"
            )

    def check_seconds(self, num_bytes: int, num_rows: int) -> None:
        """Raise DatasetTooLarge if the time is up."""
        if self.max_seconds is None or self.clock() - self.started <= self.max_seconds:
            return
        raise DatasetTooLarge(
            f"the dataset is too large to inspect: with {num_rows:,} rows read "
            f"({num_bytes / 1e9:.2f} GB as records) it was not split after "
            f"{self.max_seconds:.0f} s, and no more time is allowed. {_ADVICE}"
        )


UNLIMITED = Allowance()
