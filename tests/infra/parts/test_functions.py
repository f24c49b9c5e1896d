"""What a function may take follows from what the template gives it."""

from __future__ import annotations

from infra.parts.functions import HANDLERS
from stratos.dataset.allowance import MAX_BYTES, MAX_SECONDS

UPLOAD_BYTES_PER_SECOND = 50e6
"""From a function to S3 in its region; assumed."""


def test_inspection_stops_while_time_and_disk_for_the_rest_are_left() -> None:
    (inspect,) = (handler for handler in HANDLERS if handler.module == "inspect_dataset")
    assert inspect.package == "dataset"
    assert inspect.timeout_seconds >= MAX_SECONDS + MAX_BYTES / UPLOAD_BYTES_PER_SECOND
    assert inspect.storage_mib * 1024**2 >= 1.5 * MAX_BYTES
