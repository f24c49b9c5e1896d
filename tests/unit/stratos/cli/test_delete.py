"""`stratos delete RUN --objects`: what it says, refuses and leaves."""

from __future__ import annotations

import json

import boto3
import pytest

from stratos.contracts.bucket import RunKeys, async_folder
from stratos.errors import StratosError
from tests.unit.stratos.cli.stack_contents import put_endpoint, put_run, run

KEYS = RunKeys("r-1")


def put(stack, key: str, body: bytes = b"of the run") -> None:
    stack.s3.put_object(Bucket=stack.bucket, Key=key, Body=body)


def all_versions(stack) -> list[str]:
    """Keys of every version and delete marker in the bucket."""
    found = stack.s3.list_object_versions(Bucket=stack.bucket)
    return [item["Key"] for kind in ("Versions", "DeleteMarkers") for item in found.get(kind, ())]


@pytest.fixture
def kept(stack):
    """A run with objects that were overwritten and deleted, a version, log streams and a row."""
    put_run(stack, content_hash="abc", model_artifact="s3://bucket/runs/r-1/models/m.tar.gz")
    split = KEYS.dataset + "train.jsonl"
    for key in (KEYS.summary, KEYS.summary, split, KEYS.deployment, KEYS.report):
        put(stack, key)
    put(stack, KEYS.checkpoints("distill") + "step-10")
    stack.s3.delete_object(Bucket="bucket", Key=KEYS.report)  # hides it under a marker
    stack.s3.create_multipart_upload(Bucket="bucket", Key=KEYS.models + "half.tar.gz")
    put(stack, RunKeys("r-10").summary)
    put(stack, "specs/tiles/dataset.jsonl")
    put(stack, "specs/tiles/spec.yaml")
    put(stack, async_folder("r") + "requests/1.json")
    stack.sagemaker.create_model_package_group(ModelPackageGroupName="stratos")
    for run_id in ("r-1", "r-10"):
        stack.sagemaker.create_model_package(
            ModelPackageGroupName="stratos", CustomerMetadataProperties={"run_id": run_id}
        )
    logs = boto3.client("logs")
    for group, streams in {
        "/aws/sagemaker/TrainingJobs": ("r-1-distill-a0-0/algo-1", "r-10-probe-0/algo-1"),
        "/aws/sagemaker/TransformJobs": ("stratos-r-1-b1/algo-1", "stratos-r-10-b1/algo-1"),
        "/aws/sagemaker/Endpoints/stratos-r": ("AllTraffic/i-1",),
    }.items():
        logs.create_log_group(logGroupName=group)
        for stream in streams:
            logs.create_log_stream(logGroupName=group, logStreamName=stream)
    return stack


def streams() -> set[str]:
    logs = boto3.client("logs")
    groups = logs.describe_log_groups()["logGroups"]
    return {
        stream["logStreamName"]
        for group in groups
        for stream in logs.describe_log_streams(logGroupName=group["logGroupName"])["logStreams"]
    }


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


def test_it_says_before_what_will_go_and_after_how_much_went(kept):
    code, out = run("delete", "r-1", "--objects")
    assert code == 0
    before, _, after = out.partition("left are:")
    assert "runs/r-1/: 4 objects in 6 versions" in before
    assert "1 unfinished upload" in before
    assert "3 log streams" in before
    assert "specs/tiles/: 2 objects in 2 versions" in after
    assert "deleted 8 versions of objects, 1 version in the model registry" in after


def test_a_second_call_finds_nothing_and_is_no_error(kept):
    run("delete", "r-1", "--objects")
    code, out = run("delete", "r-1", "--objects", "--json")
    assert code == 0
    assert sum(json.loads(out)["versions"].values()) == 0


def test_a_dry_run_deletes_nothing(kept):
    before = all_versions(kept)
    code, out = run("delete", "r-1", "--objects", "--dry-run")
    assert code == 0
    assert "runs/r-1/" in out
    assert all_versions(kept) == before
    assert len(streams()) == 5


def test_the_upload_goes_only_if_it_is_asked_for(kept):
    run("delete", "r-1", "--objects", "--upload")
    assert all_versions(kept) == [RunKeys("r-10").summary]


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


def test_streams_of_an_endpoint_from_a_later_run_stay(kept):
    put_run(kept, "r-2", started_at="2026-11-25T08:00:00+00:00")  # its streams are of now
    run("delete", "r-1", "--objects")
    assert "AllTraffic/i-1" in streams()


def test_a_run_under_way_is_refused(kept):
    put_run(kept, status="running")
    with pytest.raises(StratosError, match="still running"):
        run("delete", "r-1", "--objects")


def test_a_run_in_service_is_refused_unless_told(kept):
    put_endpoint(kept, "e", "r-1")
    put_run(kept, endpoint_name="e")
    with pytest.raises(StratosError, match="in service as e"):
        run("delete", "r-1", "--objects")
    assert KEYS.summary in all_versions(kept)
    code, out = run("delete", "r-1", "--objects", "--live", "--json")
    assert code == 0
    assert json.loads(out)["deleted"] == ["e", "r-1", "r-1"]
    assert KEYS.summary not in all_versions(kept)


def test_a_model_for_batches_is_in_service_too(kept):
    put_run(kept, batch_model_name="stratos-r-1-a0")
    with pytest.raises(StratosError, match="in service as stratos-r-1-a0"):
        run("delete", "r-1", "--objects")


def test_a_job_that_still_writes_is_waited_for(kept, monkeypatch):
    def listed(**asked):
        names = ["r-1-distill-a0-0"] if asked["StatusEquals"] == "Stopping" else ["r-1x-probe-0"]
        return {"TrainingJobSummaries": [{"TrainingJobName": name} for name in names]}

    monkeypatch.setattr(kept.sagemaker, "list_training_jobs", listed)
    with pytest.raises(StratosError, match="r-1-distill-a0-0 of run r-1 is Stopping"):
        run("delete", "r-1", "--objects")


def test_what_only_objects_need_is_refused_without_them(kept):
    code, _ = run("delete", "r-1", "--upload")
    assert code == 2
    assert KEYS.summary in all_versions(kept)
