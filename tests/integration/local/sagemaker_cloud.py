"""A moto server in this process with some seams installed, and what SageMaker tests put in it."""

from __future__ import annotations

import io
import os
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import boto3
from botocore.config import Config
from moto.core.config import default_user_config
from moto.moto_api._internal.models import moto_api_backend
from moto.moto_server.threaded_moto_server import ThreadedMotoServer

from infra.local.host.seam import Seam
from infra.local.host.settings import REGION, LocalSettings

ROLE = "arn:aws:iam::123456789012:role/Training"
BUCKET = "stratos-test"

T = TypeVar("T")


class Cloud:
    """Clients of one running server, and the bucket every test uses."""

    def __init__(self, settings: LocalSettings) -> None:
        self.settings = settings
        self.s3 = self.client("s3")
        self.sagemaker = self.client("sagemaker")
        self.s3.create_bucket(Bucket=BUCKET)

    def client(self, service: str, **config: Any) -> Any:
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=self.settings.endpoint_url,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}, **config),
        )

    def put(self, key: str, body: bytes | str) -> str:
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)
        return f"s3://{BUCKET}/{key}"

    def put_tar(self, key: str, files: Mapping[str, str]) -> str:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
            for name, text in files.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(text.encode())
                tar.addfile(entry, io.BytesIO(text.encode()))
        return self.put(key, buffer.getvalue())

    def get(self, uri: str) -> bytes:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        body: bytes = self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return body

    def get_tar(self, uri: str) -> dict[str, str]:
        with tarfile.open(fileobj=io.BytesIO(self.get(uri))) as tar:
            return {
                member.name: tar.extractfile(member).read().decode()  # type: ignore[union-attr]
                for member in tar.getmembers()
                if member.isfile()
            }

    def keys(self, prefix: str) -> list[str]:
        listed = self.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
        return [item["Key"] for item in listed]

    def create_job(
        self, name: str, program: str, files: Mapping[str, str] | None = None, **changes: Any
    ) -> dict[str, Any]:
        """Create a training job that runs `program`; `changes` replace request fields."""
        source = self.put_tar(f"code/{name}.tar.gz", {"train.py": program, **(files or {})})
        return self.sagemaker.create_training_job(**job_request(name, source, **changes))

    def describe(self, name: str) -> dict[str, Any]:
        described: dict[str, Any] = self.sagemaker.describe_training_job(TrainingJobName=name)
        return described

    def finished(self, name: str) -> dict[str, Any]:
        over = {"Completed", "Failed", "Stopped"}
        return wait_for(lambda: self.describe(name), lambda job: job["TrainingJobStatus"] in over)

    def log_lines(self, group: str, prefix: str = "") -> list[str]:
        logs = self.client("logs")
        streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=prefix)
        return [
            event["message"]
            for stream in streams["logStreams"]
            for event in logs.get_log_events(
                logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True
            )["events"]
        ]


def job_request(name: str, source: str, **changes: Any) -> dict[str, Any]:
    """A CreateTrainingJob request for the script `train.py` of a source archive."""
    request: dict[str, Any] = {
        "TrainingJobName": name,
        "RoleArn": ROLE,
        "AlgorithmSpecification": {"TrainingImage": "image", "TrainingInputMode": "File"},
        "HyperParameters": {},
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/output"},
        "ResourceConfig": {
            "InstanceType": "ml.local.cpu1",
            "InstanceCount": 1,
            "VolumeSizeInGB": 1,
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    } | changes
    request["HyperParameters"] = {
        "sagemaker_program": '"train.py"',
        "sagemaker_submit_directory": f'"{source}"',
        **request["HyperParameters"],
    }
    return request


def wait_for(read: Callable[[], T], done: Callable[[T], bool], seconds: float = 30.0) -> T:
    """The first value read for which `done` holds; the last one goes into the failure."""
    deadline = time.monotonic() + seconds
    value = read()
    while not done(value):
        assert time.monotonic() < deadline, f"still {value!r} after {seconds} s"
        time.sleep(0.05)
        value = read()
    return value


@contextmanager
def running_cloud(seams: Sequence[Seam], state_dir: Path, **settings: Any) -> Iterator[Cloud]:
    """Serve on a free port with these seams, and leave no process and no patch behind."""
    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    previous = os.environ.get("MOTO_PORT")
    os.environ["MOTO_PORT"] = str(port)
    local = LocalSettings(state_dir=state_dir, port=port, **settings)
    moto_api_backend.reset()
    installed: list[Seam] = []
    try:
        for seam in seams:
            seam.install(local)
            installed.append(seam)
        yield Cloud(local)
    finally:
        for seam in reversed(installed):
            seam.close()
        server.stop()
        default_user_config["stepfunctions"] = {"execute_state_machine": False}
        if previous is None:
            del os.environ["MOTO_PORT"]
        else:
            os.environ["MOTO_PORT"] = previous
