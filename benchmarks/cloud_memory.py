"""What the embedded cloud holds of memory, with its stack, after two runs of a 269 MB model.

A run moves the model as the pipeline does: it is uploaded, a training job reads it and leaves one
of the same size, that is copied to where it is kept, a second job reads it, and it is downloaded.
Weights are random, since only sizes count. Ends with one line of JSON; it lies under
benchmarks/results/ too.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
import tarfile
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.machine import describe_machine  # noqa: E402
from benchmarks.tables import check, print_table  # noqa: E402
from infra.local import daemon  # noqa: E402
from infra.local.cloudformation.deploy import deploy  # noqa: E402
from infra.local.host.clients import Cloud, cloud_at  # noqa: E402
from infra.local.host.settings import LocalSettings  # noqa: E402
from infra.local.host.transfers import download_file  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results" / "cloud_memory.json"
BUCKET = "models"
RUNS, MODEL_BYTES, AIM_MB = 2, 269_000_000, 300
LEAVES_A_MODEL = """
import os, pathlib, shutil
for name in ("SM_CHANNEL_TEACHER", "SM_CHANNEL_STUDENT"):
    for path in pathlib.Path(os.environ.get(name, "/none")).glob("*"):
        shutil.copy(path, os.environ["SM_MODEL_DIR"])
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=MODEL_BYTES // 10**6)
    size = parser.parse_args().megabytes * 10**6
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = folder / "model.safetensors"
        with model.open("wb") as file:
            for start in range(0, size, 1 << 20):
                file.write(os.urandom(min(1 << 20, size - start)))
        rows = measured(folder, model)
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


def measured(folder: Path, model: Path) -> list[dict[str, Any]]:
    settings = LocalSettings(state_dir=folder / "state")
    cloud = cloud_at(daemon.start(settings))
    rows = [row(settings, "started", 0.0)]
    started = time.monotonic()
    try:
        deploy(ROOT / "cdk.out", cloud.endpoint_url)
        cloud.client("s3").create_bucket(Bucket=BUCKET)
        put_source(cloud)
        rows.append(row(settings, "deployed", time.monotonic() - started))
        for number in range(RUNS):
            started = time.monotonic()
            run(cloud, f"run-{number}", model, folder)
            rows.append(row(settings, f"after run {number + 1}", time.monotonic() - started))
        started = time.monotonic()
    finally:
        daemon.stop(settings)
    rows[-1]["save_seconds"] = time.monotonic() - started
    started = time.monotonic()
    daemon.start(settings)
    try:
        rows.append(row(settings, "saved and started again", time.monotonic() - started))
    finally:
        daemon.stop(settings)
    return rows


def run(cloud: Cloud, run_id: str, model: Path, folder: Path) -> None:
    s3 = cloud.client("s3")
    s3.upload_file(str(model), BUCKET, f"runs/{run_id}/base/{model.name}")
    train(cloud, f"{run_id}-distill", "teacher", f"runs/{run_id}/base/")
    made = f"runs/{run_id}/jobs/{run_id}-distill/output/model.tar.gz"
    kept = f"runs/{run_id}/model.tar.gz"
    s3.copy_object(Bucket=BUCKET, Key=kept, CopySource={"Bucket": BUCKET, "Key": made})
    train(cloud, f"{run_id}-evaluate", "packed", kept)
    target = folder / "downloaded.tar.gz"
    download_file(s3, f"s3://{BUCKET}/{kept}", target)
    target.unlink()


def train(cloud: Cloud, name: str, channel: str, prefix: str) -> None:
    """A job with one channel, waited for."""
    sagemaker = cloud.client("sagemaker")
    source = {
        "S3DataType": "S3Prefix",
        "S3Uri": f"s3://{BUCKET}/{prefix}",
        "S3DataDistributionType": "FullyReplicated",
    }
    sagemaker.create_training_job(
        TrainingJobName=name,
        RoleArn=f"arn:aws:iam::{cloud.account_id}:role/benchmark",
        AlgorithmSpecification={"TrainingImage": "image", "TrainingInputMode": "File"},
        HyperParameters={
            "sagemaker_program": '"train.py"',
            "sagemaker_submit_directory": f'"s3://{BUCKET}/source.tar.gz"',
        },
        InputDataConfig=[{"ChannelName": channel, "DataSource": {"S3DataSource": source}}],
        OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/runs/{name.rpartition('-')[0]}/jobs"},
        ResourceConfig={
            "InstanceType": "ml.local.cpu1",
            "InstanceCount": 1,
            "VolumeSizeInGB": 5,
        },
        StoppingCondition={"MaxRuntimeInSeconds": 600},
    )
    while True:
        job = sagemaker.describe_training_job(TrainingJobName=name)
        if job["TrainingJobStatus"] == "Completed":
            return
        if job["TrainingJobStatus"] in ("Failed", "Stopped"):
            raise RuntimeError(f"{name}: {job.get('FailureReason')}")
        time.sleep(0.2)


def put_source(cloud: Cloud) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        entry = tarfile.TarInfo("train.py")
        entry.size = len(LEAVES_A_MODEL)
        archive.addfile(entry, io.BytesIO(LEAVES_A_MODEL.encode()))
    cloud.client("s3").put_object(Bucket=BUCKET, Key="source.tar.gz", Body=packed.getvalue())


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
