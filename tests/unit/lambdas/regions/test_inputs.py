"""What a job reads comes to its region, each content once."""

from __future__ import annotations

import json
from datetime import timedelta

from stratos.contracts.job_start import HOME_REGION
from tests.unit.lambdas.job_inputs import MODEL, fetch, upload
from tests.unit.lambdas.two_regions import (
    AWAY,
    AWAY_BUCKET,
    TwoRegions,
    worker_job,
)


def test_a_job_finds_its_inputs_under_the_same_keys_in_its_region(regions: TwoRegions) -> None:
    worker = worker_job()
    upload(regions, worker)
    job = fetch(worker).job
    run = "runs/tiles-0123abcd"
    there = regions.away()
    config = json.loads(there.pop(f"{run}/jobs/distill-a0/config/config.json"))
    assert config["result_uri"] == f"s3://{AWAY_BUCKET}/{run}/jobs/distill-a0/result.json"
    assert there == {
        "0a1b2c.gz": b"code",
        f"{MODEL}model.safetensors": b"weights",
        f"{MODEL}config.json": b"{}",
        f"{run}/records/a0/records.jsonl": b"rows",
    }
    assert job.environment == {"AWS_DEFAULT_REGION": AWAY, HOME_REGION: "us-east-1"}
    assert job.output_data_config["KmsKeyId"].endswith("key/away")
    text = job.model_dump_json()
    assert text.count(f"s3://{AWAY_BUCKET}/") == 7
    assert text.count("s3://") == 7


def test_a_copy_is_encrypted_with_the_key_of_its_region_and_keeps_its_tags(
    regions: TwoRegions,
) -> None:
    worker = worker_job()
    upload(regions, worker)
    fetch(worker)
    where = {
        "Bucket": AWAY_BUCKET,
        "Key": f"runs/{worker.run.run_id}/records/a0/records.jsonl",
    }
    s3 = regions.s3(AWAY)
    assert s3.head_object(**where)["SSEKMSKeyId"].endswith("key/away")
    assert s3.get_object_tagging(**where)["TagSet"] == [{"Key": "stratos:kept", "Value": "records"}]


def test_a_rerun_moves_nothing_that_its_region_holds_under_whatever_key(
    regions: TwoRegions,
) -> None:
    first, second = worker_job("tiles-0000aaaa"), worker_job("tiles-1111bbbb")
    for worker in (first, second):
        upload(regions, worker)
    fetch(first)
    assert sum(one.num_bytes for one in regions.moved(first.run.run_id)) == 4 + 7 + 2 + 4
    fetch(first)
    fetch(second)
    assert len(regions.moved(first.run.run_id)) == 4
    assert regions.moved(second.run.run_id) == []
    assert regions.away()["runs/tiles-1111bbbb/records/a0/records.jsonl"] == b"rows"


def test_a_file_that_is_gone_at_home_is_not_read_in_the_region_either(
    regions: TwoRegions,
) -> None:
    worker = worker_job()
    upload(regions, worker)
    regions.put(f"{MODEL}model-00002-of-2.safetensors", b"of before", bucket=AWAY_BUCKET)
    fetch(worker)
    assert f"{MODEL}model-00002-of-2.safetensors" not in regions.away()


def test_a_job_fetches_the_artifact_that_its_hyperparameters_name(regions: TwoRegions) -> None:
    key = "runs/tiles-0123abcd/models/j/output/model.tar.gz"
    worker = worker_job(hyper_parameters={"student_artifact": f"s3://stratos-bucket/{key}"})
    upload(regions, worker)
    regions.put(key, b"student")
    job = fetch(worker).job
    assert regions.away()[key] == b"student"
    assert job.hyper_parameters == {"student_artifact": f"s3://{AWAY_BUCKET}/{key}"}


def test_checkpoints_of_home_are_fetched_where_they_are_newer(regions: TwoRegions) -> None:
    worker = worker_job()
    upload(regions, worker)
    folder = "checkpoints/tiles-0123abcd/distill-a0/step-000000004/"
    regions.put(f"{folder}tensors.safetensors", b"old", bucket=AWAY_BUCKET)
    regions.put(f"{folder}tensors.safetensors", b"new")
    regions.put(f"{folder}checkpoint.json", b"{}")
    fetch(worker)
    assert regions.away()[f"{folder}tensors.safetensors"] == b"new"
    regions.put(f"{folder}tensors.safetensors", b"newest", bucket=AWAY_BUCKET)
    regions.age(AWAY_BUCKET, f"{folder}tensors.safetensors", timedelta(seconds=-2))
    fetch(worker)
    assert regions.away()[f"{folder}tensors.safetensors"] == b"newest"


def test_a_copy_that_would_soon_expire_is_written_anew_without_being_moved(
    regions: TwoRegions,
) -> None:
    worker = worker_job()
    upload(regions, worker)
    fetch(worker)
    key = f"{MODEL}model.safetensors"
    regions.age(AWAY_BUCKET, key, timedelta(days=20))
    before = regions.s3(AWAY).head_object(Bucket=AWAY_BUCKET, Key=key)["LastModified"]
    fetch(worker)
    after = regions.s3(AWAY).head_object(Bucket=AWAY_BUCKET, Key=key)["LastModified"]
    assert after - before > timedelta(days=19)
    assert len(regions.moved(worker.run.run_id)) == 4
