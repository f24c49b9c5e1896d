"""What the embedded cloud holds of memory, with its stack, after two runs of a 269 MB model.

A run moves the model as the pipeline does: it is uploaded, a training job reads it and leaves one
of the same size, that is copied to where it is kept, a second job reads it, an endpoint loads it,
and it is downloaded. Every call is judged by the policies of the stack.
Weights are random, since only sizes count. Ends with one line of JSON; it lies under
benchmarks/results/ too.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.machine import describe_machine  # noqa: E402
from benchmarks.tables import check, print_table  # noqa: E402
from infra.local import daemon  # noqa: E402
from infra.local.cloudformation.deploy import deploy  # noqa: E402
from infra.local.host.clients import Cloud  # noqa: E402
from infra.local.host.settings import LocalSettings  # noqa: E402
from infra.local.host.transfers import download_file  # noqa: E402
from stratos.waiting import every, wait_until  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results" / "cloud_memory.json"
RUNS, MODEL_BYTES, AIM_MB = 2, 269_000_000, 300
LEAVES_A_MODEL = (
    "for path in /opt/ml/input/data/teacher/*; do "
    '[ ! -e "$path" ] || cp -r "$path" /opt/ml/model/; done'
)
REGISTRY = "763104351884.dkr.ecr.us-east-1.amazonaws.com"
CODE_IMAGE = f"{REGISTRY}/huggingface-pytorch-inference:2.6.0-transformers5.5.3-cpu-py312"
"""Runs the package `serving` that lies in the artifact, so that the weights may be random."""
SERVER = """
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()


port = int(os.environ["SAGEMAKER_BIND_TO_PORT"])
ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=MODEL_BYTES // 10**6)
    size = parser.parse_args().megabytes * 10**6
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        base = folder / "base"
        (base / "code" / "serving").mkdir(parents=True)
        (base / "code" / "serving" / "__init__.py").touch()
        (base / "code" / "serving" / "__main__.py").write_text(SERVER)
        with (base / "model.safetensors").open("wb") as file:
            for start in range(0, size, 1 << 20):
                file.write(os.urandom(min(1 << 20, size - start)))
        rows = measured(folder / "state", base)
    print_table(rows)
    after = next(row["resident_mb"] for row in rows if row["when"] == f"after run {RUNS}")
    result = {
        "name": "cloud_memory",
        "machine": describe_machine(),
        "date": datetime.now(UTC).date().isoformat(),
        "model_mb": size / 1e6,
        "checks": [check("MB resident after two runs", after, AIM_MB, "lower")],
    }
    if size == MODEL_BYTES:
        RESULTS.write_text(json.dumps(result | {"rows": rows}, indent=1) + "\n")
    print(json.dumps(result))


def measured(state: Path, base: Path) -> list[dict[str, Any]]:
    settings = LocalSettings(state_dir=state)
    cloud = Cloud(daemon.start(settings), caller=settings.key.owner)
    rows = [row(settings, "started", 0.0)]
    started = time.monotonic()
    try:
        bucket = deploy(ROOT / "cdk.out", cloud.endpoint_url, settings.key.owner)["Bucket"]
        rows.append(row(settings, "deployed", time.monotonic() - started))
        for number in range(RUNS):
            started = time.monotonic()
            run(cloud, bucket, f"run-{number}", base)
            rows.append(row(settings, f"after run {number + 1}", time.monotonic() - started))
    finally:
        started = time.monotonic()
        daemon.stop(settings)
    rows[-1]["save_seconds"] = time.monotonic() - started
    started = time.monotonic()
    daemon.start(settings)
    try:
        rows.append(row(settings, "saved and started again", time.monotonic() - started))
    finally:
        daemon.stop(settings)
    return rows


def run(cloud: Cloud, bucket: str, run_id: str, base: Path) -> None:
    s3 = cloud.client("s3")
    for path in filter(Path.is_file, base.rglob("*")):
        s3.upload_file(str(path), bucket, f"runs/{run_id}/base/{path.relative_to(base)}")
    train(cloud, bucket, f"{run_id}-distill", "teacher", f"runs/{run_id}/base/")
    made = f"runs/{run_id}/jobs/{run_id}-distill/output/model.tar.gz"
    kept = f"runs/{run_id}/model.tar.gz"
    s3.copy_object(Bucket=bucket, Key=kept, CopySource={"Bucket": bucket, "Key": made})
    train(cloud, bucket, f"{run_id}-evaluate", "packed", kept)
    serve(cloud, f"stratos-{run_id}", f"s3://{bucket}/{kept}")
    with tempfile.TemporaryDirectory() as folder:
        download_file(s3, f"s3://{bucket}/{kept}", Path(folder) / "downloaded.tar.gz")


def train(cloud: Cloud, bucket: str, name: str, channel: str, prefix: str) -> None:
    """A job with one channel, waited for."""
    sagemaker = cloud.client("sagemaker")
    source = {
        "S3DataType": "S3Prefix",
        "S3Uri": f"s3://{bucket}/{prefix}",
        "S3DataDistributionType": "FullyReplicated",
    }
    sagemaker.create_training_job(
        TrainingJobName=name,
        RoleArn=role(cloud, "TrainingJobsRole"),
        AlgorithmSpecification={
            "TrainingImage": "image",
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["/bin/sh", "-c"],
            "ContainerArguments": [LEAVES_A_MODEL],
        },
        InputDataConfig=[{"ChannelName": channel, "DataSource": {"S3DataSource": source}}],
        OutputDataConfig={"S3OutputPath": f"s3://{bucket}/runs/{name.rpartition('-')[0]}/jobs"},
        ResourceConfig={
            "InstanceType": "ml.local.cpu1",
            "InstanceCount": 1,
            "VolumeSizeInGB": 5,
        },
        StoppingCondition={"MaxRuntimeInSeconds": 600},
    )
    await_status(
        lambda: sagemaker.describe_training_job(TrainingJobName=name),
        "TrainingJobStatus",
        "Completed",
    )


def serve(cloud: Cloud, name: str, artifact: str) -> None:
    """An endpoint that loads the artifact, and is deleted once it is in service."""
    sagemaker = cloud.client("sagemaker")
    sagemaker.create_model(
        ModelName=name,
        ExecutionRoleArn=role(cloud, "EndpointsRole"),
        PrimaryContainer={"Image": CODE_IMAGE, "ModelDataUrl": artifact},
    )
    variant = {
        "VariantName": "main",
        "ModelName": name,
        "InstanceType": "ml.local.cpu1",
        "InitialInstanceCount": 1,
    }
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    await_status(
        lambda: sagemaker.describe_endpoint(EndpointName=name), "EndpointStatus", "InService"
    )
    sagemaker.delete_endpoint(EndpointName=name)


def await_status(describe: Callable[[], Mapping[str, Any]], field: str, wanted: str) -> None:
    described = wait_until(
        describe, lambda told: told[field] in (wanted, "Failed", "Stopped"), pauses=every(0.2)
    )
    if described[field] != wanted:
        raise RuntimeError(described.get("FailureReason"))


def role(cloud: Cloud, logical_id: str) -> str:
    """The ARN of a role of the stack, whose id in the template begins so."""
    pages = cloud.client("iam").get_paginator("list_roles").paginate()
    [arn] = (
        found["Arn"]
        for page in pages
        for found in page["Roles"]
        if re.match(f"Stratos-{logical_id}[0-9A-F]{{8}}", found["RoleName"])
    )
    return str(arn)


def row(settings: LocalSettings, when: str, seconds: float) -> dict[str, Any]:
    """What the serving process holds now, and the most that it held."""
    pid = daemon.status(settings).pid
    fields = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    resident, most = (int(fields[name].split()[0]) * 1024 / 1e6 for name in ("VmRSS", "VmHWM"))
    return {"when": when, "resident_mb": resident, "most_mb": most, "seconds": seconds}


if __name__ == "__main__":
    main()
