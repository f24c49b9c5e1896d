"""What an object holds, told by its checksum or its version."""

from __future__ import annotations

from tests.unit.lambdas.job_inputs import MODEL, fetch, upload
from tests.unit.lambdas.two_regions import (
    TwoRegions,
    worker_job,
)


def test_a_file_without_a_checksum_that_tells_contents_apart_is_known_by_its_version(
    regions: TwoRegions,
) -> None:
    worker = worker_job()
    upload(regions, worker)
    regions.put(f"{MODEL}model.safetensors", b"weights", ChecksumAlgorithm="CRC32")
    fetch(worker)
    fetch(worker)
    moved = [one for one in regions.moved(worker.run.run_id) if "safetensors" in one.source]
    assert [one.num_bytes for one in moved] == [7]
    regions.put(f"{MODEL}model.safetensors", b"changed", ChecksumAlgorithm="CRC32")
    fetch(worker)
    assert regions.away()[f"{MODEL}model.safetensors"] == b"changed"
