"""A home region and a worker region in moto's memory, and a job between them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT_ID
from moto.core.responses import ActionResult
from moto.core.utils import camelcase_to_underscores
from moto.s3.models import s3_backends
from moto.sagemaker.exceptions import AWSValidationException
from moto.sagemaker.models import sagemaker_backends
from moto.sagemaker.responses import SageMakerResponse

from lambdas.aws import clients, worker_settings
from lambdas.regions import answers
from lambdas.regions.places import Move, Place
from stratos.contracts.bucket import RunKeys
from stratos.contracts.regions import JobElsewhere, Transfer
from stratos.pipeline.worker_jobs import Home, WorkerJob
from tests import factories
from tests.unit.lambdas.conftest import BUCKET, REGION, Account

AWAY = "eu-west-1"
AWAY_BUCKET = "stratos-worker-123456789012-eu-west-1"
ASSETS = "assets-of-home"
HOME = Place(REGION, BUCKET, f"arn:aws:kms:{REGION}:123456789012:key/k")


class HomeStates:
    """Step Functions of home, which remembers what it is told of one task token."""

    def __init__(self) -> None:
        self.told: list[tuple[str, dict[str, str]]] = []
        self.waits = True
        self.token: str | None = None
        """By which it waits; None for whatever token it is told."""
        self.error: Exception | None = None

    def _tell(self, what: str, told: dict[str, str]) -> None:
        if self.error is not None:
            raise self.error
        if not self.waits or self.token not in (None, told["taskToken"]):
            raise ClientError({"Error": {"Code": "TaskTimedOut", "Message": "late"}}, what)
        self.told.append((what, told))
        if what != "heartbeat":
            self.waits = False

    def send_task_heartbeat(self, **told: str) -> None:
        self._tell("heartbeat", told)

    def send_task_success(self, **told: str) -> None:
        self._tell("success", told)

    def send_task_failure(self, **told: str) -> None:
        self._tell("failure", told)

    def answers(self) -> list[tuple[str, dict[str, str]]]:
        return [(what, told) for what, told in self.told if what != "heartbeat"]


@dataclass
class TwoRegions:
    account: Account
    home: HomeStates

    def s3(self, region: str) -> Any:
        return boto3.client("s3", region_name=region)

    def put(self, key: str, content: bytes, *, bucket: str = BUCKET, **options: Any) -> None:
        region = AWAY if bucket == AWAY_BUCKET else REGION
        options = {"ChecksumAlgorithm": "SHA256"} | options
        self.s3(region).put_object(Bucket=bucket, Key=key, Body=content, **options)

    def create_job(self, worker: WorkerJob, status: str = "InProgress", **told: Any) -> None:
        """The job, as the worker's state machine creates it in its region.

        Args:
            told: More of its description, in SageMaker's words.
        """
        job = Move(HOME, Place.own()).job(worker.job)
        boto3.client("sagemaker", region_name=AWAY).create_training_job(
            TrainingJobName=job.name,
            AlgorithmSpecification={"TrainingImage": job.image_uri, "TrainingInputMode": "File"},
            OutputDataConfig=job.output_data_config,
            ResourceConfig=job.resource_config,
            StoppingCondition=job.stopping_condition,
            RoleArn="arn:aws:iam::123456789012:role/training",
        )
        self.settle(worker, status, **told)

    def settle(self, worker: WorkerJob, status: str, **told: Any) -> None:
        """Let the job be in a status."""
        job = sagemaker_backends[ACCOUNT_ID][AWAY].training_jobs[worker.job.name]
        job.training_job_status = status
        for name, value in told.items():
            setattr(job, camelcase_to_underscores(name), value)

    def lose(self, worker: WorkerJob) -> None:
        """Let there be no such job."""
        del sagemaker_backends[ACCOUNT_ID][AWAY].training_jobs[worker.job.name]

    def status(self, worker: WorkerJob) -> str:
        described = boto3.client("sagemaker", region_name=AWAY).describe_training_job(
            TrainingJobName=worker.job.name
        )
        return str(described["TrainingJobStatus"])

    def elsewhere(self, worker: WorkerJob) -> JobElsewhere:
        key = RunKeys(worker.run.run_id).job_elsewhere(worker.job.name)
        return JobElsewhere.model_validate_json(self.at_home()[key])

    def age(self, bucket: str, key: str, by: timedelta) -> None:
        """Let an object be older than it is."""
        s3_backends[ACCOUNT_ID]["aws"].buckets[bucket].keys[key].last_modified -= by

    def away(self) -> dict[str, bytes]:
        """Key → bytes of what lies in the worker's bucket, without what was noted of copies."""
        return self._held(AWAY, AWAY_BUCKET)

    def at_home(self) -> dict[str, bytes]:
        return self._held(REGION, BUCKET)

    def _held(self, region: str, bucket: str) -> dict[str, bytes]:
        s3 = self.s3(region)
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
        return {
            key: s3.get_object(Bucket=bucket, Key=key)["Body"].read()
            for key in keys
            if not key.startswith("copies/")
        }

    def moved(self, run_id: str) -> list[Transfer]:
        prefix = f"runs/{run_id}/transfers/"
        held = [text for key, text in self.at_home().items() if key.startswith(prefix)]
        return [Transfer.model_validate_json(line) for text in held for line in text.splitlines()]


@pytest.fixture
def regions(account: Account, monkeypatch: pytest.MonkeyPatch) -> Iterator[TwoRegions]:
    """The functions are those of the worker region."""
    boto3.client("s3", region_name=AWAY).create_bucket(
        Bucket=AWAY_BUCKET, CreateBucketConfiguration={"LocationConstraint": AWAY}
    )
    boto3.client("s3", region_name=REGION).create_bucket(Bucket=ASSETS)
    for name, value in {
        "AWS_REGION": AWAY,
        "AWS_DEFAULT_REGION": AWAY,
        "BUCKET": AWAY_BUCKET,
        "KMS_KEY_ARN": f"arn:aws:kms:{AWAY}:123456789012:key/away",
    }.items():
        monkeypatch.setenv(name, value)
    # moto has no StopTrainingJob.
    monkeypatch.setattr(SageMakerResponse, "stop_training_job", _stop, raising=False)
    clients.made_client.cache_clear()
    worker_settings.worker_settings.cache_clear()
    home = HomeStates()
    real = clients.client

    def client(service: str, region: str | None = None) -> Any:
        return home if service == "stepfunctions" else real(service, region)

    monkeypatch.setattr(answers, "client", client)
    yield TwoRegions(account, home)
    clients.made_client.cache_clear()
    worker_settings.worker_settings.cache_clear()


def _stop(response: SageMakerResponse) -> ActionResult:
    name = json.loads(response.body)["TrainingJobName"]
    jobs = response.sagemaker_backend.training_jobs
    if name not in jobs:
        raise AWSValidationException("Requested resource not found.")
    jobs[name].training_job_status = "Stopping"
    return ActionResult({})


def worker_machine(monkeypatch: pytest.MonkeyPatch) -> str:
    """The worker region's state machine, in which nothing runs: its ARN."""
    states = boto3.client("stepfunctions", region_name=AWAY)
    arn = states.create_state_machine(
        name="stratos-worker",
        definition='{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}',
        roleArn="arn:aws:iam::123456789012:role/states",
    )["stateMachineArn"]
    monkeypatch.setenv("STATE_MACHINE_ARN", arn)
    worker_settings.worker_settings.cache_clear()
    return str(arn)


def worker_job(run_id: str = "tiles-0123abcd", name: str = "", **changes: Any) -> WorkerJob:
    """A distillation of home, as it is handed over."""
    run = factories.run_ref().model_copy(update={"run_id": run_id, "bucket": BUCKET})
    home = Home(
        region=REGION,
        bucket=BUCKET,
        kms_key_arn=f"arn:aws:kms:{REGION}:123456789012:key/k",
        task_token="token",
    )
    job = factories.job_elsewhere(run_id, AWAY, BUCKET, ASSETS)
    return WorkerJob(
        run=run, job=job.model_copy(update={"name": name or job.name, **changes}), home=home
    )


def told(answer: dict[str, str]) -> dict[str, Any]:
    """The described job of an answer."""
    found: dict[str, Any] = json.loads(answer.get("output") or answer["cause"])
    return found
