"""After `stratos delete RUN --objects --upload` no stored byte has anything of the dataset."""

from __future__ import annotations

import gc
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sagemaker_cloud import BUCKET, Cloud, running_cloud

from infra.local.s3.objects_on_disk import ObjectsOnDisk
from infra.local.sagemaker.endpoints.endpoint_processes import EndpointProcesses
from infra.local.sagemaker.training.jobs import TrainingJobProcesses
from infra.local.sagemaker.transform.jobs import TransformJobProcesses
from stratos.cli.delete import delete_command
from stratos.cli.stack import Stack
from stratos.contracts.bucket import RunKeys, async_folder
from stratos.dataset.inspect_dataset import DataFile, inspect_dataset
from stratos.hosting.names import DEFAULT_STACK, StackNames
from tests import factories

SENTINEL = b"tessera-hospitalis"
FAILING = f"""
print("{SENTINEL.decode()}", flush=True)
raise SystemExit(1)
"""


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    seams = [
        ObjectsOnDisk(),
        EndpointProcesses(),
        TrainingJobProcesses(),
        TransformJobProcesses(),
    ]
    with running_cloud(seams, tmp_path / "state") as running:
        running.s3.put_bucket_versioning(
            Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"}
        )
        running.client("dynamodb").create_table(
            TableName="runs",
            KeySchema=[{"AttributeName": "run_id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "run_id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        running.sagemaker.create_model_package_group(ModelPackageGroupName="stratos")
        yield running


@pytest.fixture
def stack(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Stack:
    for name, value in cloud.settings.client_environment(cloud.settings.endpoint_url).items():
        monkeypatch.setenv(name, value)
    machine = "arn:aws:states:us-east-1:123456789012:stateMachine:s"
    found = Stack(BUCKET, "runs", machine, "g", StackNames(DEFAULT_STACK))
    monkeypatch.setattr(Stack, "find", classmethod(lambda cls: found))
    return found


def run_through(cloud: Cloud, stack: Stack, folder: Path) -> str:
    """What a run leaves that failed at its last step, of a dataset that names the sentinel."""
    run = factories.run_ref().model_copy(update={"bucket": BUCKET})
    keys, text = RunKeys(run.run_id), SENTINEL.decode()
    rows = [
        json.dumps({"prompt": f"{text} {number}?", "completion": f"{number}"})
        for number in range(150)
    ]
    upload = "\n".join(rows)
    task = factories.spec().task.model_copy(update={"probe_records": 20, "heldout_records": 50})
    file = DataFile("d.jsonl", lambda: io.BytesIO(upload.encode()))
    inspect_dataset([file], task, folder)
    for path in folder.glob("*.jsonl"):
        cloud.s3.upload_file(str(path), BUCKET, keys.dataset + path.name)
    for key in (keys.records + "a0/records.jsonl", keys.summary, keys.report, keys.report,
                keys.deployment, keys.batch_questions("b"), keys.batch_answers("b", "j") + "a.out",
                keys.checkpoints("distill-a0") + "step-1", async_folder("tiles") + "answers/1.out",
                keys.job("synthesize") + "batch/input.jsonl"):  # fmt: skip
        cloud.put(key, upload)
    cloud.put("specs/tiles/dataset.jsonl", upload)
    cloud.put("specs/tiles/spec.yaml", text)
    cloud.s3.delete_object(Bucket=BUCKET, Key=keys.report)
    part = {"Bucket": BUCKET, "Key": keys.models + "half"}
    begun = cloud.s3.create_multipart_upload(**part)
    cloud.s3.upload_part(**part, UploadId=begun["UploadId"], PartNumber=1, Body=SENTINEL)
    cloud.sagemaker.create_model_package(
        ModelPackageGroupName="stratos",
        ModelPackageDescription=text,
        CustomerMetadataProperties={"run_id": run.run_id},
    )
    job = f"{run.run_id}-probe-0"
    cloud.create_job(job, FAILING)
    assert cloud.finished(job)["TrainingJobStatus"] == "Failed"
    stack.table.put_item(
        Item=run.model_dump(mode="json")
        | {"status": "failed", "spec_name": "tiles", "model_artifact": text}
    )
    return run.run_id


def stored(cloud: Cloud, stack: Stack) -> Iterator[tuple[str, bytes]]:
    """Every version in the bucket, every row, version of a model, log line and file on disk."""
    for page in cloud.s3.get_paginator("list_object_versions").paginate(Bucket=BUCKET):
        for item in page.get("Versions", ()):
            version = {"Key": item["Key"], "VersionId": item["VersionId"]}
            yield item["Key"], cloud.s3.get_object(Bucket=BUCKET, **version)["Body"].read()
        for item in page.get("DeleteMarkers", ()):
            yield item["Key"], b""
    yield "table", repr(stack.table.scan()["Items"]).encode()
    listed = cloud.sagemaker.list_model_packages(ModelPackageGroupName="stratos")
    yield "registry", repr(listed["ModelPackageSummaryList"]).encode()
    for line in cloud.log_lines("/aws/sagemaker/TrainingJobs", "tiles"):
        yield "log", line.encode()
    for path in cloud.settings.state_dir.rglob("*"):
        if path.is_file():
            yield str(path), path.read_bytes()


def test_a_deleted_run_leaves_no_trace_of_its_records(
    cloud: Cloud, stack: Stack, tmp_path: Path
) -> None:
    folder = tmp_path / "splits"
    folder.mkdir()
    run_id = run_through(cloud, stack, folder)
    cloud.s3.put_object(Bucket=BUCKET, Key="runs/another-00000001/run.json", Body=b"another")
    before = [where for where, content in stored(cloud, stack) if SENTINEL in content]
    assert {"table", "log", "registry"} < set(before)
    assert len([where for where in before if where.startswith("/")]) > 15

    delete_command(run_id, objects=True, upload=True)

    gc.collect()  # a content's file goes with the last object that refers to it
    after = list(stored(cloud, stack))
    assert [where for where, content in after if SENTINEL in content] == []
    prefixes = ("runs/", "checkpoints/", "async/", "specs/")
    kept = [where for where, _ in after if where.startswith(prefixes)]
    assert kept == ["runs/another-00000001/run.json"]
    assert cloud.s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []) == []
