"""Files of shards, end to end."""

from __future__ import annotations

from lambdas.aws.shard_files import ShardFiles
from stratos.contracts.bucket import RunKeys
from tests import factories
from tests.unit.lambdas.conftest import BUCKET, Account

RUN = factories.run_ref().model_copy(update={"bucket": BUCKET})
FILES = ShardFiles(RUN, "synthesize-a0")


def test_files_larger_than_a_part_of_an_upload_are_joined_byte_for_byte(account: Account) -> None:
    parts = [bytes([65 + index]) * size for index, size in enumerate((9 << 20, 0, 3, 8 << 20))]
    for index, part in enumerate(parts):
        folder = RunKeys(RUN.run_id).records_of_shard(f"synthesize-a0-s{index}")
        account.put(folder + "records.jsonl", part)
    FILES.join("records.jsonl", len(parts), "joined")
    assert account.read("joined") == b"".join(parts)
    tags = account.client("s3").get_object_tagging(Bucket=BUCKET, Key="joined")["TagSet"]
    assert tags == [{"Key": "stratos:kept", "Value": "records"}]


def test_no_rows_make_an_empty_file(account: Account) -> None:
    FILES.put_rows("rows", [])
    assert account.read("rows") == b""


def test_jobs_of_a_round_are_read_as_they_were_written(account: Account) -> None:
    assert FILES.put_jobs(2, []) == "runs/tiles-0123abcd/jobs/synthesize-a0/shards-2.json"
    assert FILES.jobs(2) == []
