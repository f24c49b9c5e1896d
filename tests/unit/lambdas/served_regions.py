"""A home and two worker regions in moto's memory, and a run whose model all three serve."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT_ID
from moto.sagemaker.models import sagemaker_backends

from lambdas.aws import clients
from lambdas.aws import settings as stack_settings
from lambdas.handlers import (
    clean_up,
    judge_regions,
    measure_region,
    promote_regions,
    retire_former,
    stage_regions,
    sweep,
)
from stratos.contracts.bucket import RunKeys, served_key
from stratos.contracts.plan import Interval, PlannedEndpoint, PlannedOrigin, Server
from stratos.contracts.served import Served
from stratos.pipeline.region_endpoints import RegionLoad, StagedFleet
from stratos.planning.forecast.network import round_trip_ms
from tests.unit.lambdas.conftest import REGION, Account
from tests.unit.lambdas.pipeline import Pipeline, call, start

EUROPE, ASIA = "eu-west-1", "ap-northeast-1"
REGIONS = (REGION, EUROPE, ASIA)
FAILURE = {"Error": "DeploymentFailed", "Cause": "no capacity"}


class Network:
    """Clients of every region, some of which are cut off."""

    def __init__(self) -> None:
        self.cut: set[str] = set()
        self._made = clients.made_client

    def __call__(self, service: str, region: str | None) -> Any:
        return _Unreachable(service, region) if region in self.cut else self._made(service, region)

    def cache_clear(self) -> None:
        self._made.cache_clear()


class _Unreachable:
    def __init__(self, service: str, region: str | None) -> None:
        self._url = f"https://{service}.{region}.amazonaws.com"
        self.exceptions = boto3.client("sagemaker", region_name=REGION).exceptions

    def __getattr__(self, operation: str) -> Any:
        def unreachable(*_: Any, **__: Any) -> None:
            raise EndpointConnectionError(endpoint_url=self._url)

        return unreachable


class Fleet:
    """A run up to the promotion of its endpoints, each step as its state would call it."""

    def __init__(self, account: Account, network: Network) -> None:
        self.account, self.network = account, network
        self.staged: StagedFleet

    def begin(self, *regions: str, **sections: Any) -> Pipeline:
        """A run whose plan serves in some regions, by default in all: a good model, registered."""
        self.pipeline = start(self.account, **sections).until_matched()
        self.plan_for(regions or REGIONS)
        self.pipeline.work()
        self.pipeline.check()
        self.pipeline.register()
        return self.pipeline

    def plan_for(self, regions: tuple[str, ...]) -> None:
        """Let each region have an endpoint for the requests that come from it."""
        found = self.pipeline.evidence()
        plan = found.plan
        servers = [plan.serving.model_copy(update={"region": region}) for region in regions]
        slots = plan.engine.slots if plan.engine else 1
        monthly = plan.serving.usd_per_hour * 730
        plan = plan.model_copy(
            update={
                "serving": servers[0],
                "more_endpoints": tuple(
                    PlannedEndpoint(server=server, slots=slots, usd_per_month=monthly)
                    for server in servers[1:]
                ),
                "origins": tuple(
                    PlannedOrigin(
                        origin=region,
                        requests_per_second=1.0,
                        served_in=region,
                        round_trip_ms=round_trip_ms(region, region),
                        p95_latency_ms=plan.p95_latency_ms.value,
                    )
                    for region in regions
                ),
            }
        )
        matching = found.matching.model_copy(update={"plan": plan})
        evidence = found.model_copy(update={"matching": matching})
        self.account.put(RunKeys(self.pipeline.run.run_id).match, evidence.model_dump_json())

    def offer(self, name: str, latency_ms: float) -> None:
        """Put the chosen plan on the front once more, on another server of other latency."""
        found = self.pipeline.evidence()
        plan = found.plan
        faster = plan.model_copy(
            update={
                "id": name,
                "serving": _of_type(plan.serving, name),
                "more_endpoints": tuple(
                    more.model_copy(update={"server": _of_type(more.server, name)})
                    for more in plan.more_endpoints
                ),
                "p95_latency_ms": Interval(value=latency_ms, lo=latency_ms, hi=latency_ms),
            }
        )
        plans = found.matching.plans
        offered = plans.model_copy(update={"front": (*plans.front, faster)})
        matching = found.matching.model_copy(update={"plans": offered})
        evidence = found.model_copy(update={"matching": matching})
        self.account.put(RunKeys(self.pipeline.run.run_id).match, evidence.model_dump_json())

    def stage(self) -> StagedFleet:
        """The endpoints, made in each region."""
        self.staged = StagedFleet.model_validate(call(stage_regions.handler, run=self.pipeline.run))
        for one in self.staged.endpoints:
            deployment = one.deployment
            sagemaker = boto3.client("sagemaker", region_name=one.region)
            sagemaker.create_model(
                ModelName=deployment.model_name,
                PrimaryContainer=deployment.container,
                ExecutionRoleArn="arn:aws:iam::123456789012:role/endpoint",
                Tags=deployment.tags,
            )
            sagemaker.create_endpoint_config(
                EndpointConfigName=deployment.endpoint_config_name,
                ProductionVariants=[
                    deployment.production_variant | {"InstanceType": "ml.m5.large"}
                ],
                Tags=deployment.tags,
            )
            sagemaker.create_endpoint(
                EndpointName=deployment.endpoint_name,
                EndpointConfigName=deployment.endpoint_config_name,
                Tags=deployment.tags,
            )
        return self.staged

    def measure(self, **slower: float) -> None:
        """Home measures its own; the others do as well, or are slower by so many milliseconds."""
        run, home = self.pipeline.run, self.staged.endpoints[0]
        call(measure_region.handler, run=run, staged=home)
        keys = RunKeys(run.run_id)
        measured = self.account.read(keys.load_in(self.staged.name, home.region))
        for one in self.staged.endpoints:
            found = RegionLoad.model_validate_json(measured)
            load = found.load
            assert load.p95_ms is not None
            beyond = slower.get(one.region.replace("-", "_"), 0.0)
            p95 = load.p95_ms.model_copy(update={"value": load.p95_ms.value + beyond})
            kept = found.model_copy(
                update={"region": one.region, "load": load.model_copy(update={"p95_ms": p95})}
            )
            key = keys.load_in(self.staged.name, one.region)
            self.account.put(key, kept.model_dump_json())

    def judge(self) -> dict[str, Any]:
        return call(judge_regions.handler, run=self.pipeline.run)

    def promote(self) -> dict[str, Any]:
        state = self.pipeline.state
        return call(
            promote_regions.handler,
            run=self.pipeline.run,
            parsed=state["parsed"],
            package_arn=state["package"]["ModelPackageArn"],
        )

    def retire(self, promoted: dict[str, Any]) -> dict[str, Any]:
        return call(retire_former.handler, run=self.pipeline.run, former=promoted["former"])

    def until_measured(self, *regions: str, **sections: Any) -> Pipeline:
        pipeline = self.begin(*regions, **sections)
        self.stage()
        self.measure()
        assert self.judge()["passed"]
        return pipeline

    def until_promoted(self, *regions: str, **sections: Any) -> Pipeline:
        pipeline = self.until_measured(*regions, **sections)
        self.retire(self.promote())
        pipeline.report()
        return pipeline

    def take_servers_back(self, reason: str) -> dict[str, Any]:
        return call(clean_up.handler, run=self.pipeline.run, servers_missed=reason)

    def clean_up(self) -> dict[str, Any]:
        return call(clean_up.handler, run=self.pipeline.run, failure=FAILURE)

    def sweep(self) -> dict[str, str]:
        """Name and region → why it went."""
        found = call(sweep.handler)["removed"]
        return {f"{one['kind']} in {one['region'] or REGION}": one["reason"] for one in found}

    def end_run(self) -> None:
        """Let the execution be over."""
        self.account.stop_execution()
        self.account.change(self.pipeline.run.run_id, status="failed")

    def record(self, region: str = REGION) -> Served | None:
        """Where the model answers, as home or a region's copy has it."""
        bucket = worker_bucket(region) if region != REGION else self.pipeline.run.bucket
        s3 = boto3.client("s3", region_name=region)
        listed = s3.list_objects_v2(Bucket=bucket, Prefix="served/").get("Contents", [])
        if not listed:
            return None
        held = s3.get_object(Bucket=bucket, Key=served_key("tiles"))["Body"].read()
        return Served.model_validate_json(held)

    def endpoints(self) -> dict[str, set[str]]:
        """Region → endpoints, models and configurations there."""
        found = {}
        for region in REGIONS:
            backend = sagemaker_backends[ACCOUNT_ID][region]
            found[region] = {*backend.endpoints, *backend._models, *backend.endpoint_configs}
        return {region: names for region, names in found.items() if names}

    def tags(self, region: str) -> dict[str, str]:
        sagemaker = boto3.client("sagemaker", region_name=region)
        arn = sagemaker.describe_endpoint(EndpointName=self.staged.name)["EndpointArn"]
        return {tag["Key"]: tag["Value"] for tag in sagemaker.list_tags(ResourceArn=arn)["Tags"]}


def _of_type(server: Server, instance_type: str) -> Server:
    return server.model_copy(update={"instance_type": instance_type})


def worker_bucket(region: str) -> str:
    return f"stratos-worker-{ACCOUNT_ID}-{region}"


@pytest.fixture
def fleet(account: Account, runtime: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    """The functions are home's."""
    monkeypatch.setenv("WORKER_REGIONS", f"{EUROPE},{ASIA}")
    stack_settings.settings.cache_clear()
    for region in (EUROPE, ASIA):
        boto3.client("s3", region_name=region).create_bucket(
            Bucket=worker_bucket(region),
            CreateBucketConfiguration={"LocationConstraint": region},
        )
        boto3.client("stepfunctions", region_name=region).create_state_machine(
            name="stratos-worker",
            definition='{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}',
            roleArn="arn:aws:iam::123456789012:role/states",
        )
    network = Network()
    monkeypatch.setattr(clients, "made_client", network)
    yield Fleet(account, network)
    stack_settings.settings.cache_clear()
