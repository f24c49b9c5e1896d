"""An embedded cloud with a home and a worker region, whose patience fits a test."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from infra.local.host.capacity import Capacity
from infra.local.host.network import RegionNetwork
from stratos.catalog.servers import ServerCatalog
from stratos.contracts.bucket import REFUSALS_KEY, SERVED_PREFIX, SERVERS_KEY, RunKeys
from stratos.contracts.regions import JobElsewhere, RegionRefusal, Transfer
from stratos.contracts.served import Served
from stratos.moment import now
from tests.integration.pipeline.cloud import Cloud, eventually, running_cloud

HOME, AWAY, FAR = "us-east-1", "eu-west-1", "ap-northeast-1"
HEARTBEAT_SECONDS = 45
"""After so long, home gives a silent region up; on AWS it takes half an hour."""
_PACE = {"WATCH_SECONDS": "2", "CHECKPOINT_COPY_SECONDS": "0", "DRAIN_SECONDS": "1"}


@dataclass
class Regions:
    """The cloud, and what can be done to its regions."""

    cloud: Cloud

    @property
    def network(self) -> RegionNetwork:
        return RegionNetwork(self.cloud.settings)

    @property
    def names(self) -> tuple[str, ...]:
        """Home first."""
        return self.cloud.settings.regions

    @property
    def away_bucket(self) -> str:
        return self.cloud.stack.in_region(AWAY).bucket

    def away(self, service: str) -> Any:
        return boto3.client(service, region_name=AWAY)

    def train(self, region: str) -> None:
        """Let training be cheapest in a region, possible in the others, and refused in none."""
        self.cloud.stack.s3.delete_object(Bucket=self.cloud.stack.bucket, Key=REFUSALS_KEY)
        catalog = ServerCatalog.model_validate(self.cloud.read_json(SERVERS_KEY))
        rows = []
        for row in catalog.instance_types:
            prices = [price for price in row.prices if price.component != "training"]
            trained = [price for price in row.prices if price.component == "training"]
            priced = min(trained, key=lambda price: price.usd_per_hour)  # what it was at first
            for place in self.names:
                dearer = 1.0 if place == region else 50.0
                usd = priced.usd_per_hour * dearer
                prices.append(
                    priced.model_copy(update={"region": place, "usd_per_hour": round(usd, 6)})
                )
            rows.append(row.model_copy(update={"prices": tuple(prices)}))
        changed = catalog.model_copy(update={"instance_types": tuple(rows)})
        self.cloud.stack.s3.put_object(
            Bucket=self.cloud.stack.bucket,
            Key=SERVERS_KEY,
            Body=changed.model_dump_json().encode(),
        )

    def refuse(self, region: str) -> None:
        """Let a region have refused capacity a moment ago, so that waiting for it is long."""
        rows = [
            RegionRefusal(
                at=now(),
                run_id="before",
                region=region,
                instance_type=instance_type,
                purchase="on_demand",
                outcome="capacity",
            )
            for instance_type in ("ml.local.cpu1", "ml.local.cpu2")
        ]
        lines = "".join(row.model_dump_json() + "\n" for row in rows)
        s3, bucket = self.cloud.stack.s3, self.cloud.stack.bucket
        s3.put_object(Bucket=bucket, Key=REFUSALS_KEY, Body=lines.encode())

    def endpoints(self) -> dict[str, list[str]]:
        """Region → endpoints there."""
        return {
            region: [
                endpoint["EndpointName"]
                for endpoint in boto3.client("sagemaker", region_name=region).list_endpoints()[
                    "Endpoints"
                ]
            ]
            for region in self.names
        }

    def made(self) -> dict[str, set[str]]:
        """Region → endpoints, and the configurations and models that they are made of."""
        kinds = {"endpoint": "Endpoint", "endpoint_config": "EndpointConfig", "model": "Model"}
        found: dict[str, set[str]] = {}
        for region in self.names:
            sagemaker = boto3.client("sagemaker", region_name=region)
            found[region] = {
                f"{kind} {item[f'{named}Name']}"
                for kind, named in kinds.items()
                for page in sagemaker.get_paginator(f"list_{kind}s").paginate()
                for item in page[f"{named}s"]
            }
        return found

    def served(self, region: str) -> Served | None:
        """Where the model of the spec answers, by the record in a region's bucket."""
        bucket = self.cloud.stack.in_region(region).bucket
        s3 = boto3.client("s3", region_name=region)
        listed = s3.list_objects_v2(Bucket=bucket, Prefix=SERVED_PREFIX).get("Contents", [])
        for item in listed:
            text = s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
            return Served.model_validate_json(text)
        return None

    def jobs(self, run_id: str) -> list[dict[str, Any]]:
        """Training jobs of a run in the worker region, the oldest first."""
        sagemaker = self.away("sagemaker")
        listed = sagemaker.list_training_jobs(NameContains=run_id, MaxResults=100)
        names = [job["TrainingJobName"] for job in listed["TrainingJobSummaries"]]
        found = [sagemaker.describe_training_job(TrainingJobName=name) for name in names]
        return sorted(found, key=lambda job: job["CreationTime"])

    def billable(self) -> list[str]:
        """Running jobs of the worker regions."""
        return [
            job["TrainingJobName"]
            for region in self.names[1:]
            for status in ("InProgress", "Stopping")
            for job in boto3.client("sagemaker", region_name=region).list_training_jobs(
                StatusEquals=status
            )["TrainingJobSummaries"]
        ]

    def elsewhere(self, run_id: str) -> list[JobElsewhere]:
        keys = self.cloud.keys(RunKeys(run_id).elsewhere)
        return [JobElsewhere.model_validate(self.cloud.read_json(key)) for key in keys]

    def moved(self, run_id: str) -> list[Transfer]:
        s3, bucket = self.cloud.stack.s3, self.cloud.stack.bucket
        texts = [
            s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()
            for key in self.cloud.keys(RunKeys(run_id).transfers)
        ]
        return [Transfer.model_validate_json(line) for text in texts for line in text.splitlines()]


def no_job_runs(regions: Regions) -> None:
    """Wait until no job of any region is on the bill."""
    eventually(lambda: regions.billable() == [])
    eventually(lambda: regions.cloud.billable()["jobs"] == [])


def impatient(assembly: Path, heartbeat_seconds: int) -> None:
    """Shorten what templates make functions and states wait."""
    for path in assembly.glob("*.template.json"):
        text = path.read_text()
        text = re.sub(r'(HeartbeatSeconds\\\\*":)1800', rf"\g<1>{heartbeat_seconds}", text)
        template = json.loads(text)
        for resource in template["Resources"].values():
            if resource["Type"] == "AWS::Lambda::Function":
                resource["Properties"]["Environment"]["Variables"] |= _PACE
        path.write_text(json.dumps(template))


@contextmanager
def running_regions(
    folder: Path, *workers: str, heartbeat_seconds: int = HEARTBEAT_SECONDS, **options: Any
) -> Iterator[Regions]:
    """A cloud of home and these, with further settings."""
    assembly = folder / "cdk.out"
    command = [sys.executable, "-m", "infra.app", "--out", str(assembly)]
    command += ["-c", f"stratos:home_region={HOME}"]
    command += ["-c", f"stratos:worker_regions={','.join(workers)}"]
    subprocess.run(command, check=True, capture_output=True)
    impatient(assembly, heartbeat_seconds)
    regions = (HOME, *workers)
    with running_cloud(folder / "state", assembly, regions=regions, **options) as cloud:
        yield Regions(cloud)


@pytest.fixture(scope="module")
def regions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Regions]:
    with running_regions(tmp_path_factory.mktemp("regions"), AWAY) as running:
        yield running


@pytest.fixture(autouse=True)
def mended(regions: Regions) -> Iterator[None]:
    """Whatever a test did to the regions is undone."""
    yield
    regions.network.mend(AWAY)
    Capacity(regions.cloud.settings, AWAY).restore(["ml.local.cpu1", "ml.local.cpu2"])
