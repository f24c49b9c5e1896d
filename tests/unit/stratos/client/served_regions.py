"""Regions that serve a model: their buckets and endpoints in moto, and who answers in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import boto3
from botocore.exceptions import ClientError, EndpointConnectionError

from stratos.client import Client
from stratos.client.stack import Stack
from stratos.contracts.bucket import served_key
from stratos.contracts.run import RunRow
from stratos.contracts.served import Served
from stratos.hosting.names import DEFAULT_STACK, StackNames
from tests import factories
from tests.fakes import ClientExceptions, FakeClock, FakeRuntime

HOME, EUROPE, TOKYO = REGIONS = ("us-east-1", "eu-west-1", "ap-northeast-1")
ACCOUNT = "123456789012"
_ROLE = f"arn:aws:iam::{ACCOUNT}:role/endpoint"


class ServedRegions:
    """The stack, a clock, and clients that fail in a region as if it were cut off."""

    def __init__(self) -> None:
        self.stack = Stack(
            bucket="bucket",
            runs_table="runs",
            state_machine_arn=f"arn:aws:states:{HOME}:{ACCOUNT}:stateMachine:s",
            schedule_group="g",
            names=StackNames(DEFAULT_STACK),
            worker_regions=(EUROPE, TOKYO),
        )
        self.clock = FakeClock()
        self.cut: set[str] = set()
        self.failing: dict[str, Exception] = {}
        """Region or endpoint → what asking it raises."""
        self.asked: list[str] = []
        """Region and endpoint of each request, in order."""
        self._made: dict[tuple[str, str], Any] = {}
        self.boto("s3", HOME).create_bucket(Bucket="bucket")
        for region in (EUROPE, TOKYO):
            self.boto("s3", region).create_bucket(
                Bucket=self.stack.in_region(region).bucket,
                CreateBucketConfiguration={"LocationConstraint": region},
            )
        self._make_table()

    def client(self, spec_name: str = "tiles", **options: Any) -> Client:
        return Client(
            spec_name,
            **{"stack": self.stack}
            | options
            | {
                "now": self.clock.now,
                "sleep": lambda seconds: self.clock.sleep_until(self.clock.now() + seconds),
                "make_client": self.make,
            },
        )

    def promote(self, record: Served, *, copied_to: tuple[str, ...] = REGIONS) -> None:
        """Create the record's endpoints, and write the record at home and its copies."""
        for place in record.regions:
            self.put_endpoint(place.region, place.endpoint_name)
        for region in copied_to:
            self.boto("s3", region).put_object(
                Bucket=self.stack.in_region(region).bucket,
                Key=served_key(record.spec_name),
                Body=record.model_dump_json().encode(),
            )

    def put_endpoint(self, region: str, name: str) -> None:
        sagemaker = self.boto("sagemaker", region)
        image = f"{ACCOUNT}.dkr.ecr.{region}.amazonaws.com/i:1"
        sagemaker.create_model(
            ModelName=name, ExecutionRoleArn=_ROLE, PrimaryContainer={"Image": image}
        )
        variant = {
            "VariantName": "AllTraffic",
            "ModelName": name,
            "InstanceType": "ml.m5.large",
            "InitialInstanceCount": 1,
        }
        sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)

    def delete_endpoint(self, region: str, name: str) -> None:
        self.boto("sagemaker", region).delete_endpoint(EndpointName=name)

    def put_run(self, **columns: Any) -> RunRow:
        row = factories.run_row(**{"spec_key": "specs/tiles/spec.yaml", "spec_name": "tiles"})
        row = row.model_copy(update={"status": "succeeded"} | columns)
        item = row.model_dump(mode="json", exclude_none=True, exclude={"waited_seconds"})
        self.stack.table.put_item(Item=item)
        return row

    def make(self, service: str, *, region: str, longest_seconds: float) -> Any:
        """As `stratos.client.stack.client`."""
        if service == "sagemaker-runtime":
            return _Runtime(self, region)
        if region in self.cut:
            return Silent(service, region)
        return self.boto(service, region)

    def boto(self, service: str, region: str) -> Any:
        """A client that reaches its region, made once."""
        if (service, region) not in self._made:
            self._made[service, region] = boto3.client(service, region_name=region)
        return self._made[service, region]

    def _make_table(self) -> None:
        attributes = ("run_id", "spec_key", "started_at")
        self.boto("dynamodb", HOME).create_table(
            TableName="runs",
            KeySchema=[{"AttributeName": "run_id", "KeyType": "HASH"}],
            AttributeDefinitions=[
                {"AttributeName": name, "AttributeType": "S"} for name in attributes
            ],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "by_spec",
                    "KeySchema": [
                        {"AttributeName": "spec_key", "KeyType": "HASH"},
                        {"AttributeName": "started_at", "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
            BillingMode="PAY_PER_REQUEST",
        )


class _Runtime:
    """`sagemaker-runtime` of one region, which has the endpoints that SageMaker has there."""

    def __init__(self, regions: ServedRegions, region: str) -> None:
        self._regions, self._region = regions, region
        self.exceptions = ClientExceptions

    def invoke_endpoint(self, **request: Any) -> Mapping[str, Any]:
        name, regions = request["EndpointName"], self._regions
        regions.asked.append(f"{self._region}/{name}")
        if self._region in regions.cut:
            raise unreached("sagemaker-runtime", self._region)
        for key in (self._region, name):
            if key in regions.failing:
                raise regions.failing[key]
        sagemaker = regions.boto("sagemaker", self._region)
        there = {found["EndpointName"] for found in sagemaker.list_endpoints()["Endpoints"]}
        if name not in there:
            raise refusal("ValidationError", f"Endpoint {name} of account {ACCOUNT} not found.")
        return FakeRuntime(lambda _: f"from {self._region}").invoke_endpoint(**request)


class Silent:
    """A client of a region that does not answer."""

    def __init__(self, service: str, region: str) -> None:
        self._service, self._region = service, region

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(*_arguments: Any, **_request: Any) -> Any:
            raise unreached(self._service, self._region)

        return call


def unreached(service: str, region: str) -> Exception:
    return EndpointConnectionError(endpoint_url=f"https://{service}.{region}.amazonaws.com")


def refusal(code: str, message: str = "", status: int = 400, **more: Any) -> ClientError:
    """What SageMaker's runtime answers."""
    response: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(response | more, "InvokeEndpoint")
