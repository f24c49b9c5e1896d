"""A moto server in this process with some seams installed, and what SageMaker tests put in it."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from moto_cloud import served
from training_programs import channel

from infra.local.host.clients import Cloud as InfraCloud
from infra.local.host.clients import make_bucket
from infra.local.host.seam import Seam
from infra.local.host.settings import LocalSettings
from infra.local.requests.refusals import RequestValidation
from tests.patience import eventually

ROLE = "arn:aws:iam::123456789012:role/Training"
BUCKET = "stratos-test"


class Cloud:
    """Clients of one region of a running server, and the bucket every test there uses."""

    def __init__(self, settings: LocalSettings, region: str = "", bucket: str = BUCKET) -> None:
        self.settings = settings
        self.region = region or settings.home
        self.bucket = bucket
        self.s3 = self.client("s3")
        self.sagemaker = self.client("sagemaker")
        owner = settings.key.owner
        infra_cloud = InfraCloud(settings.endpoint_url, region=self.region, caller=owner)
        make_bucket(infra_cloud, bucket)

    def in_region(self, region: str) -> Cloud:
        """Another region of the same server, with a bucket of its own."""
        return Cloud(self.settings, region, f"{BUCKET}-{region}")

    def client(self, service: str, region: str | None = None, **config: Any) -> Any:
        return boto3.client(
            service,
            region_name=region or self.region,
            endpoint_url=self.settings.endpoint_url,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}, **config),
        )

    def put(self, key: str, body: bytes | str) -> str:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)
        return f"s3://{self.bucket}/{key}"

    def put_tar(self, key: str, files: Mapping[str, str | bytes]) -> str:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
            for name, given in files.items():
                content = given if isinstance(given, bytes) else given.encode()
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
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
        listed = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents", [])
        return [item["Key"] for item in listed]

    def create_job(
        self, name: str, program: str, files: Mapping[str, str] | None = None, **changes: Any
    ) -> dict[str, Any]:
        """Create a training job that runs `program`; `changes` replace request fields."""
        source = self.put_tar(f"code/{name}.tar.gz", {"train.py": program, **(files or {})})
        output = {"S3OutputPath": f"s3://{self.bucket}/output"}
        request = job_request(name, source, **{"OutputDataConfig": output, **changes})
        return self.sagemaker.create_training_job(**request)

    def describe(self, name: str) -> dict[str, Any]:
        described: dict[str, Any] = self.sagemaker.describe_training_job(TrainingJobName=name)
        return described

    def finished(self, name: str) -> dict[str, Any]:
        over = {"Completed", "Failed", "Stopped"}
        return eventually(lambda: self.describe(name), lambda job: job["TrainingJobStatus"] in over)

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
    """A CreateTrainingJob request for the script `train.py` of a source archive.

    Its command becomes the script, as that of the real jobs becomes their launcher.
    """
    request: dict[str, Any] = {
        "TrainingJobName": name,
        "RoleArn": ROLE,
        "AlgorithmSpecification": {
            "TrainingImage": "image",
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["/bin/sh", "-c"],
            "ContainerArguments": [
                "cd /opt/ml/code && python3 -m tarfile -e /opt/ml/input/data/code/* . && "
                "exec python3 train.py"
            ],
        },
        "HyperParameters": {},
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/output"},
        "ResourceConfig": {
            "InstanceType": "ml.local.cpu1",
            "InstanceCount": 1,
            "VolumeSizeInGB": 1,
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    } | changes
    request["InputDataConfig"] = [*request.get("InputDataConfig", []), channel("code", source)]
    return request


@contextmanager
def running_cloud(seams: Sequence[Seam], state_dir: Path, **settings: Any) -> Iterator[Cloud]:
    """Serve these seams behind the check of every request, with the bucket of the tests."""
    with served([RequestValidation(), *seams], state_dir, **settings) as local:
        yield Cloud(local)
