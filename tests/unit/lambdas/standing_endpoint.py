"""An endpoint of another region's run, as it stands in the worker region."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import boto3
import pytest
from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT_ID
from moto.sagemaker.models import sagemaker_backends

from stratos.contracts.bucket import RunKeys, served_key
from stratos.contracts.plan import Server
from stratos.hosting.build import build_deployment
from stratos.hosting.deployment import EndpointDeployment
from stratos.hosting.ownership import (
    EXPIRES_TAG,
    HOME_TAG,
    LEASE_TAG,
    RECORD_TAG,
    RUN_TAG,
    STACK_TAG,
    STAGE_TAG,
)
from stratos.moment import now, written
from stratos.pipeline.region_endpoints import RegionEndpoint, RegionOrigin, WorkerEndpoint
from stratos.pipeline.worker_jobs import Home
from tests import factories
from tests.unit.lambdas.conftest import BUCKET, REGION
from tests.unit.lambdas.two_regions import AWAY, TwoRegions, worker_machine

RUN = "tiles-0123abcd"
NAME = f"stratos-{RUN}-a0"
MODEL_KEY = f"runs/{RUN}/models/job/output/model.tar.gz"
HOUR = timedelta(hours=1)


def worker_endpoint() -> WorkerEndpoint:
    """An endpoint of home, as it is handed over."""
    run = factories.run_ref().model_copy(update={"run_id": RUN, "bucket": BUCKET})
    server = Server(
        instance_type="ml.local.cpu1",
        count=1,
        region=AWAY,
        purchase="on_demand",
        usd_per_hour=0.1,
    )
    evidence = factories.match_evidence(server, 100.0)
    made = build_deployment(
        factories.order(factories.spec(), evidence, servers=factories.servers())
    )
    assert isinstance(made, EndpointDeployment)
    container = made.container | {"ModelDataUrl": f"s3://{BUCKET}/{MODEL_KEY}"}
    changes = {"endpoint_name": NAME, "endpoint_config_name": NAME, "model_name": NAME}
    staged = RegionEndpoint(
        region=AWAY,
        deployment=made.model_copy(update={**changes, "container": container, "scaling": None}),
        plan=evidence.plan,
        origins=(RegionOrigin(origin=AWAY, requests_per_second=1.0, network_ms=1.0),),
        beyond_ms=0.0,
        asks_all=False,
    )
    home = Home(
        region=REGION,
        bucket=BUCKET,
        kms_key_arn=f"arn:aws:kms:{REGION}:123456789012:key/k",
        task_token="token",
    )
    return WorkerEndpoint(run=run, staged=staged, home=home)


def put_run(regions: TwoRegions) -> None:
    """What home has of the run that a region copies."""
    keys = RunKeys(RUN)
    regions.put(MODEL_KEY, b"weights")
    regions.put(keys.spec, factories.spec().model_dump_json().encode())
    rows = [
        {"id": f"r{i}", "messages": [{"role": "user", "content": row["prompt"]}], "gold": None}
        for i, row in enumerate(factories.dataset_rows(5))
    ]
    regions.put(f"{keys.dataset}heldout.jsonl", factories.jsonl(rows))


def stand(stage: str, lease_over: bool, *, name: str = NAME, **tags: str) -> None:
    """Let the endpoint stand in the region with what it is made of."""
    sagemaker = boto3.client("sagemaker", region_name=AWAY)
    lease = now() - HOUR if lease_over else now() + HOUR
    told: Mapping[str, str] = {
        STACK_TAG: "Stratos",
        RUN_TAG: RUN,
        HOME_TAG: REGION,
        STAGE_TAG: stage,
        LEASE_TAG: written(lease),
        EXPIRES_TAG: "never",
        RECORD_TAG: f"s3://{BUCKET}/{served_key('tiles')}",
    } | tags
    pairs: Any = [{"Key": key, "Value": value} for key, value in told.items()]
    sagemaker.create_model(
        ModelName=name,
        PrimaryContainer={"Image": "i", "ModelDataUrl": f"s3://bucket-away/{MODEL_KEY}"},
        ExecutionRoleArn="arn:aws:iam::123456789012:role/endpoint",
        Tags=pairs,
    )
    variant: Any = {
        "VariantName": "AllTraffic",
        "ModelName": name,
        "InitialInstanceCount": 1,
        "InstanceType": "ml.m5.large",
    }
    sagemaker.create_endpoint_config(
        EndpointConfigName=name, ProductionVariants=[variant], Tags=pairs
    )
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name, Tags=pairs)


def standing(name: str = NAME) -> set[str]:
    """Kinds of what is left in the region."""
    backend = sagemaker_backends[ACCOUNT_ID][AWAY]
    there = {
        "endpoint": backend.endpoints,
        "endpoint-config": backend.endpoint_configs,
        "model": backend._models,
    }
    return {kind for kind, held in there.items() if name in held}


def stage() -> str:
    sagemaker = boto3.client("sagemaker", region_name=AWAY)
    arn = sagemaker.describe_endpoint(EndpointName=NAME)["EndpointArn"]
    tags = {tag["Key"]: tag["Value"] for tag in sagemaker.list_tags(ResourceArn=arn)["Tags"]}
    return tags[STAGE_TAG]


def record_at_home(regions: TwoRegions, run_id: str, promoted_at: datetime) -> None:
    """Let home have put a run's model into service."""
    served = factories.served(REGION, AWAY, run_id=run_id, promoted_at=promoted_at)
    regions.put(served_key("tiles"), served.model_dump_json().encode())


@pytest.fixture
def machine(regions: TwoRegions, monkeypatch: pytest.MonkeyPatch) -> str:
    """The region's state machine, in which nothing runs."""
    return worker_machine(monkeypatch)
