"""What home keeps of jobs in other regions."""

from __future__ import annotations

from lambdas.aws.bucket import Bucket
from lambdas.aws.elsewhere_files import ElsewhereFiles
from stratos.contracts.regions import JobElsewhere, Transfer, moved_bytes
from stratos.moment import now
from tests.unit.lambdas.conftest import BUCKET, Account


def test_jobs_and_transfers_are_kept_by_run(account: Account) -> None:
    files = ElsewhereFiles(Bucket(BUCKET), "r-1")
    job = JobElsewhere(
        name="r-1-distill-a0-0",
        step="distill-a0",
        region="eu-west-1",
        handed_over_at=now(),
        seen_at=now(),
        max_seconds=60,
    )
    files.put_job(job)
    moved = Transfer(
        at=now(),
        source="s3://a/k",
        target="s3://b/k",
        source_region="us-east-1",
        target_region="eu-west-1",
        num_bytes=5,
    )
    files.add_transfers(job.name, [moved])
    files.add_transfers(job.name, [moved])
    assert files.jobs() == [job]
    assert moved_bytes(files.transfers()) == {("us-east-1", "eu-west-1"): 10}
    assert ElsewhereFiles(Bucket(BUCKET), "r-10").jobs() == []
    assert files.find_job("another") is None
