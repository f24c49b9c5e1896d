"""An account in moto's memory with what the stack would have made in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT_ID
from moto.core.responses import ActionResult
from moto.sagemaker.exceptions import AWSValidationException
from moto.sagemaker.models import FakeEndpointConfig, sagemaker_backends
from moto.sagemaker.responses import SageMakerResponse
from moto.servicequotas.responses import ServiceQuotasResponse

from lambdas.aws import chat, components
from lambdas.aws import clients as aws
from lambdas.aws import settings as stack_settings
from lambdas.serving import under_load
from stratos.contracts.bucket import SERVERS_KEY, RunKeys
from stratos.contracts.run import RunRef
from stratos.moment import now, written
from stratos.pipeline.steps import TrainingJob
from tests import factories
from tests.component_api import ComponentApi
from tests.fakes import FakeClock, FakeRuntime, SlowClock
from tests.stack_environment import stack_environment

BUCKET, REGION = "stratos-bucket", "us-east-1"
TABLE = stack_environment(BUCKET, REGION)["RUNS_TABLE"]
SPEC_KEY = "specs/tiles/spec.yaml"
_ALLOW = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
_POLICY = {"Version": "2012-10-17", "Statement": [_ALLOW]}


@dataclass
class Account:
    """The account, and the handlers' view of a run in it."""

    execution_arn: str
    topic_arn: str
    queue_url: str
    components: ComponentApi
    clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        if service not in self.clients:
            self.clients[service] = boto3.client(service, region_name=REGION)
        return self.clients[service]

    def put(self, key: str, content: bytes | str) -> str:
        body = content.encode() if isinstance(content, str) else content
        put = self.client("s3").put_object(Bucket=BUCKET, Key=key, Body=body)
        return str(put["VersionId"])

    def read(self, key: str) -> bytes:
        return bytes(self.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read())

    def keys(self, prefix: str = "") -> list[str]:
        listed = self.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=prefix)
        return [item["Key"] for item in listed.get("Contents", [])]

    def drop(self, **sections: Any) -> str:
        """Upload a spec's folder and return the version of its spec."""
        version = ""
        for name, content in factories.spec_folder(**sections).items():
            version = self.put(f"specs/tiles/{name}", content)
        return version

    def row(self, run_id: str) -> dict[str, Any]:
        table = boto3.resource("dynamodb", region_name=REGION).Table(TABLE)
        return dict(table.get_item(Key={"run_id": run_id}).get("Item", {}))

    def change(self, run_id: str, **columns: Any) -> None:
        """Change a run's row as nobody would."""
        table = boto3.resource("dynamodb", region_name=REGION).Table(TABLE)
        table.put_item(Item=self.row(run_id) | columns)

    def expire(self, run_id: str) -> None:
        """Let the time of a run's endpoint have been over for an hour."""
        self.change(run_id, expires_at=written(now() - timedelta(hours=1)))

    def resources(self) -> dict[str, set[str]]:
        """Names of what is made for an endpoint."""
        sagemaker, scheduler = self.client("sagemaker"), self.client("scheduler")
        configs = sagemaker.list_endpoint_configs()["EndpointConfigs"]
        schedules = scheduler.list_schedules(GroupName="stratos")["Schedules"]
        return {
            "endpoints": {item["EndpointName"] for item in sagemaker.list_endpoints()["Endpoints"]},
            "configs": {item["EndpointConfigName"] for item in configs},
            "models": {item["ModelName"] for item in sagemaker.list_models()["Models"]},
            "schedules": {item["Name"] for item in schedules},
        }

    def endpoint_config(self) -> str:
        """The configuration that the endpoint of the spec has."""
        found = self.client("sagemaker").describe_endpoint(EndpointName="stratos-tiles")
        return str(found["EndpointConfigName"])

    def fail_endpoint(self) -> None:
        """Let SageMaker have given up the endpoint of the spec."""
        backend = sagemaker_backends[ACCOUNT_ID][REGION]
        backend.endpoints["stratos-tiles"].endpoint_status = "Failed"

    def stop_execution(self) -> None:
        self.client("stepfunctions").stop_execution(executionArn=self.execution_arn)

    def notices(self) -> list[str]:
        received = self.client("sqs").receive_message(
            QueueUrl=self.queue_url, MaxNumberOfMessages=10
        )
        return [message["Body"] for message in received.get("Messages", [])]

    def event(self, version: str) -> dict[str, Any]:
        return {
            "detail-type": "Object Created",
            "detail": {
                "bucket": {"name": BUCKET},
                "object": {"key": SPEC_KEY, "version-id": version},
            },
        }

    def run(self, version: str, **changes: Any) -> RunRef:
        """Claim a run as ClaimRun does."""
        from lambdas.handlers import claim_run

        claimed = claim_run.handler(
            {
                "event": self.event(version),
                "execution_arn": self.execution_arn,
                "started_at": written(now()),
            },
            None,
        )
        return RunRef.model_validate(claimed | changes)

    def create_job(self, job: TrainingJob) -> None:
        """A training job of that name; moto completes it at once."""
        self.client("sagemaker").create_training_job(
            TrainingJobName=job.name,
            AlgorithmSpecification={"TrainingImage": job.image_uri, "TrainingInputMode": "File"},
            InputDataConfig=job.input_data_config,
            OutputDataConfig=job.output_data_config,
            ResourceConfig=job.resource_config,
            StoppingCondition=job.stopping_condition,
            RoleArn="arn:aws:iam::123456789012:role/training",
        )

    def put_result(self, run: RunRef, step: str, result: Any) -> None:
        self.put(RunKeys(run.run_id).job_result(step), result.model_dump_json())


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    for name, value in stack_environment(BUCKET, REGION).items():
        monkeypatch.setenv(name, value)
    # moto has no UpdateEndpoint, and no list of quotas.
    monkeypatch.setattr(SageMakerResponse, "update_endpoint", _update_endpoint, raising=False)
    monkeypatch.setattr(
        ServiceQuotasResponse, "list_service_quotas", lambda _: '{"Quotas": []}', raising=False
    )
    api = ComponentApi()
    api.install(monkeypatch)
    with mock_aws():
        aws.made_client.cache_clear()
        stack_settings.settings.cache_clear()
        s3, sns, sqs = (boto3.client(name, region_name=REGION) for name in ("s3", "sns", "sqs"))
        s3.create_bucket(Bucket=BUCKET)
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        _create_table()
        topic_arn = sns.create_topic(Name="stratos")["TopicArn"]
        queue_url = sqs.create_queue(QueueName="notices")["QueueUrl"]
        sns.subscribe(
            TopicArn=topic_arn,
            Protocol="sqs",
            Endpoint="arn:aws:sqs:us-east-1:123456789012:notices",
            Attributes={"RawMessageDelivery": "true"},
        )
        for policy in ("jobs", "models"):
            boto3.client("iam", region_name=REGION).create_policy(
                PolicyName=policy, PolicyDocument=json.dumps(_POLICY)
            )
        boto3.client("scheduler", region_name=REGION).create_schedule_group(Name="stratos")
        boto3.client("sagemaker", region_name=REGION).create_model_package_group(
            ModelPackageGroupName="stratos"
        )
        states = boto3.client("stepfunctions", region_name=REGION)
        machine = states.create_state_machine(
            name="stratos",
            definition='{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}',
            roleArn="arn:aws:iam::123456789012:role/states",
        )["stateMachineArn"]
        execution = states.start_execution(stateMachineArn=machine)["executionArn"]
        monkeypatch.setenv("TOPIC_ARN", topic_arn)
        monkeypatch.setenv("STATE_MACHINE_ARN", machine)
        account = Account(execution, topic_arn, queue_url, api)
        account.put(SERVERS_KEY, factories.servers().model_dump_json())
        yield account
    api.restore()
    aws.made_client.cache_clear()
    stack_settings.settings.cache_clear()


@pytest.fixture
def local_instances(monkeypatch: pytest.MonkeyPatch) -> None:
    """Instance types of this machine pass moto, and a component settles at once."""
    monkeypatch.setattr(FakeEndpointConfig, "validate_instance_type", lambda *_: None)
    monkeypatch.setattr(components, "_SETTLING_SECONDS", 0.0)


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> FakeRuntime:
    """What answers as an endpoint, at once."""
    fake = FakeRuntime(lambda messages: factories.answer_to(messages[-1]["content"]))
    monkeypatch.setattr(chat, "runtime_client", lambda: fake)
    monkeypatch.setattr(under_load, "MonotonicClock", FakeClock)
    return fake


@pytest.fixture
def slow(runtime: FakeRuntime, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Every endpoint is too slow, until the clock is set right."""
    monkeypatch.setattr(under_load, "MonotonicClock", SlowClock)
    return monkeypatch


def _update_endpoint(response: SageMakerResponse) -> ActionResult:
    """Blue/green at once: the endpoint has the new configuration."""
    parameters = json.loads(response.body)
    endpoint = response.sagemaker_backend.endpoints[parameters["EndpointName"]]
    if endpoint.endpoint_status != "InService":
        raise AWSValidationException(f"Cannot update endpoint in status {endpoint.endpoint_status}")
    config = parameters["EndpointConfigName"]
    response.sagemaker_backend.describe_endpoint_config(config)
    endpoint.endpoint_config_name = config
    return ActionResult({"EndpointArn": endpoint.arn})


def _create_table() -> None:
    strings = ("run_id", "execution_arn", "spec_key", "started_at")
    boto3.client("dynamodb", region_name=REGION).create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in strings],
        KeySchema=[{"AttributeName": "run_id", "KeyType": "HASH"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by_execution",
                "KeySchema": [{"AttributeName": "execution_arn", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            },
            {
                "IndexName": "by_spec",
                "KeySchema": [
                    {"AttributeName": "spec_key", "KeyType": "HASH"},
                    {"AttributeName": "started_at", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            },
        ],
    )
