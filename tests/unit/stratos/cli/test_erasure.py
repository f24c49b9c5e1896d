"""What is kept of a run, and nothing of another, is deleted for good."""

from __future__ import annotations

import json
from dataclasses import replace

import boto3
import pytest

from stratos.cli.stack import Stack
from stratos.contracts.bucket import RunKeys, async_folder
from stratos.errors import StratosError
from tests.unit.stratos.cli.stack_contents import all_versions, put, put_run, run, streams


def test_every_version_marker_upload_stream_and_registered_version_goes(kept):
    code, out = run("delete", "r-1", "--objects", "--json")
    assert code == 0
    found = json.loads(out)
    assert found["versions"] == {"runs/r-1/": 6, "checkpoints/r-1/": 1, "async/r/": 1}
    assert sorted(all_versions(kept)) == sorted(
        [RunKeys("r-10").summary, "specs/tiles/dataset.jsonl", "specs/tiles/spec.yaml"]
    )
    assert kept.s3.list_multipart_uploads(Bucket="bucket").get("Uploads", []) == []
    left = kept.sagemaker.list_model_packages(ModelPackageGroupName="stratos")
    assert [one["ModelPackageVersion"] for one in left["ModelPackageSummaryList"]] == [2]
    assert streams() == {"r-10-probe-0/algo-1", "stratos-r-10-b1/algo-1"}


def test_a_row_of_names_and_times_stays_so_that_the_same_event_starts_nothing(kept):
    run("delete", "r-1", "--objects")
    row = kept.table.get_item(Key={"run_id": "r-1"})["Item"]
    assert row["status"] == "deleted"
    assert row["execution_arn"]
    assert not row.keys() & {"content_hash", "model_artifact"}


def test_an_upload_that_a_run_reads_now_is_refused(kept):
    put_run(kept, "r-2", status="running")
    with pytest.raises(StratosError, match="run r-2 is under way and reads the same upload"):
        run("delete", "r-1", "--objects", "--upload")


def test_an_upload_that_holds_another_spec_is_refused(kept):
    put(kept, "specs/tiles/inner/spec.yaml")
    with pytest.raises(StratosError, match=r"also holds specs/tiles/inner/spec\.yaml"):
        run("delete", "r-1", "--objects", "--upload")


def test_what_was_asked_at_an_endpoint_stays_while_another_run_has_it(kept):
    put_run(kept, "r-2", endpoint_name="stratos-r", started_at="2126-11-25T08:00:00+00:00")
    _, out = run("delete", "r-1", "--objects", "--json")
    assert async_folder("r") + "requests/1.json" in all_versions(kept)
    assert any("run r-2 has the same endpoint" in line for line in json.loads(out)["staying"])


def test_a_job_that_still_writes_is_waited_for(kept, monkeypatch):
    def listed(**asked):
        names = ["r-1-distill-a0-0"] if asked["StatusEquals"] == "Stopping" else ["r-1x-probe-0"]
        return {"TrainingJobSummaries": [{"TrainingJobName": name} for name in names]}

    monkeypatch.setattr(kept.sagemaker, "list_training_jobs", listed)
    with pytest.raises(StratosError, match="r-1-distill-a0-0 of run r-1 is Stopping"):
        run("delete", "r-1", "--objects")


@pytest.mark.parametrize("ending", ["InProgress", "Stopping"])
def test_a_batch_that_still_writes_is_waited_for_even_with_live(kept, monkeypatch, ending):
    def listed(**asked):
        names = [f"{kept.names.batches('r-1')}1"] if asked["StatusEquals"] == ending else []
        return {"TransformJobSummaries": [{"TransformJobName": name} for name in names]}

    monkeypatch.setattr(kept.sagemaker, "list_transform_jobs", listed)
    before = all_versions(kept)
    with pytest.raises(StratosError, match=f"of run r-1 is {ending} and may still write"):
        run("delete", "r-1", "--objects", "--live")
    assert all_versions(kept) == before


def test_what_worker_regions_hold_of_a_run_goes_with_it(kept, monkeypatch):
    region, bucket = "eu-west-1", "stratos-worker-123456789012-eu-west-1"
    s3, logs = (boto3.client(name, region_name=region) for name in ("s3", "logs"))
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": region})
    for key in ("runs/r-1/records/a.jsonl", "checkpoints/r-1/a", "runs/r-10/a", "specs/tiles/m"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"a")
    group = "/aws/sagemaker/TrainingJobs"
    logs.create_log_group(logGroupName=group)
    for name in ("r-1-distill-a0-0/algo-1", "r-10-probe-0/algo-1"):
        logs.create_log_stream(logGroupName=group, logStreamName=name)
    wide = replace(kept, worker_regions=(region,))
    monkeypatch.setattr(Stack, "find", classmethod(lambda cls: wide))
    _, out = run("delete", "r-1", "--objects", "--json")
    found = json.loads(out)
    assert found["versions"]["eu-west-1:runs/r-1/"] == 1
    assert f"{region}:{group} r-1-distill-a0-0/algo-1" in found["log_streams"]
    left = s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert [item["Key"] for item in left] == ["runs/r-10/a", "specs/tiles/m"]
    streams_left = logs.describe_log_streams(logGroupName=group)["logStreams"]
    assert [stream["logStreamName"] for stream in streams_left] == ["r-10-probe-0/algo-1"]
