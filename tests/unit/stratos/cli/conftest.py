"""A stack in moto, and a folder to submit."""

from __future__ import annotations

import json
import shutil
from contextlib import contextmanager
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from infra.local.sagemaker.model_registry import ModelRegistry
from stratos.cli.stack import Stack
from stratos.contracts.bucket import RunKeys, async_folder
from stratos.hosting.names import DEFAULT_STACK, StackNames
from tests import factories
from tests.component_api import ComponentApi
from tests.unit.stratos.cli.stack_contents import put, put_run

EXAMPLE = Path(__file__).parents[4] / "examples" / "mahjong-waits"


@pytest.fixture
def stack(monkeypatch):
    """A stack's bucket and table in moto, found without CloudFormation."""
    with stack_in_moto(monkeypatch) as found:
        yield found


@contextmanager
def stack_in_moto(monkeypatch):
    """The same for as long as a caller's patches last."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    components = ComponentApi()
    components.install(monkeypatch)
    registry = ModelRegistry()
    registry.install()
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="bucket")
        versioning = {"Status": "Enabled"}
        s3.put_bucket_versioning(Bucket="bucket", VersioningConfiguration=versioning)
        boto3.client("dynamodb").create_table(
            TableName="runs",
            KeySchema=[{"AttributeName": "run_id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "run_id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        found = Stack(
            "bucket",
            "runs",
            "arn:aws:states:us-east-1:123456789012:stateMachine:s",
            "g",
            StackNames(DEFAULT_STACK),
        )
        monkeypatch.setattr(Stack, "find", classmethod(lambda cls: found))
        yield found
    registry.restore()
    components.restore()


@pytest.fixture
def folder(tmp_path):
    """A copy of the example without its weights: small files under the same names."""
    for path in EXAMPLE.rglob("*"):
        if path.is_file() and (
            path.suffix in (".yaml", ".json", ".jinja") or path.name == "checker.py"
        ):
            target = tmp_path / path.relative_to(EXAMPLE)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    (tmp_path / "dataset.jsonl").write_text('{"prompt": "q", "completion": "a"}\n')
    (tmp_path / "notes.txt").write_text("not named by the spec")
    for model in ("teacher", "student-base"):
        config = json.loads((tmp_path / "models" / model / "config.json").read_text())
        (tmp_path / "models" / model / "model.safetensors").write_bytes(
            factories.safetensors_file(
                factories.qwen2_tensors(config["hidden_size"], config["num_hidden_layers"])
            )
        )
    return tmp_path


@pytest.fixture
def kept(stack):
    """A run with objects that were overwritten and deleted, a version, log streams and a row."""
    keys = RunKeys("r-1")
    put_run(stack, content_hash="abc", model_artifact="s3://bucket/runs/r-1/models/m.tar.gz")
    split = keys.dataset + "train.jsonl"
    for key in (keys.summary, keys.summary, split, keys.deployment, keys.report):
        put(stack, key)
    put(stack, keys.checkpoints("distill") + "step-10")
    stack.s3.delete_object(Bucket="bucket", Key=keys.report)  # hides it under a marker
    stack.s3.create_multipart_upload(Bucket="bucket", Key=keys.models + "half.tar.gz")
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
