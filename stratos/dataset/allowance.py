"""How much of a dataset may be read before it is clear that there is too much of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from stratos.errors import DatasetRejected

MAX_BYTES = 6_000_000_000
"""What fits on InspectDataset's disk of 10 GiB, beside what is known of each record."""
READING_SECONDS = 360.0
"""Of InspectDataset's 900: splitting and writing take a little longer than reading."""

_ADVICE = (
    "Upload fewer records (the strategy needs thousands, rarely millions), or split the dataset "
    "over several specs"
)


@dataclass(frozen=True)
class Allowance:
    """Limits of the place that inspects; None where there is none."""

    max_bytes: int | None = None
    """Of all records, as the JSON lines they are written as."""
    reading_seconds: float | None = None
    """From `started` until the last row is read."""
    started: float = 0.0
    clock: Callable[[], float] = time.monotonic

    def check_bytes(self, num_bytes: int, num_rows: int) -> None:
        """Raise DatasetRejected when the records take up too much."""
        if self.max_bytes is not None and num_bytes > self.max_bytes:
            raise DatasetRejected(
                f"the dataset is too large to inspect: more than {self.max_bytes / 1e9:.2f} GB as "
                f"records, {num_rows:,} rows in, and no more fits on the disk. {_ADVICE}"
            )

    def check_seconds(self, num_bytes: int, num_rows: int) -> None:
        """Raise DatasetRejected when what is left of the time is needed for splitting."""
        if self.reading_seconds is None or self.clock() - self.started <= self.reading_seconds:
            return
        raise DatasetRejected(
            f"the dataset is too large to inspect: {num_rows:,} rows ({num_bytes / 1e9:.2f} GB as "
            f"records) were read in {self.reading_seconds:.0f} s, and not all of it. {_ADVICE}"
        )


UNLIMITED = Allowance()
