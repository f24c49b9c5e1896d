"""Asking a model that two regions serve, while one is cut off and while it is replaced."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from endpoint_models import create_config, settled
from regions import HOME, REGIONS, WORKER
from sagemaker_cloud import BUCKET, Cloud, running_cloud

from infra.local.host.clients import Cloud as InfraCloud
from infra.local.host.clients import make_bucket
from infra.local.host.network import RegionNetwork
from infra.local.requests.between_regions import BetweenRegions
from infra.local.s3.bucket_regions import BucketRegions
from infra.local.sagemaker.endpoints.endpoint_processes import EndpointProcesses
from stratos.client import Client
from stratos.client.stack import Stack
from stratos.contracts.bucket import served_key
from stratos.contracts.served import Served
from stratos.errors import EndpointNotFound
from stratos.hosting.names import DEFAULT_STACK, StackNames
from tests import factories

MACHINE = f"arn:aws:states:{HOME}:123456789012:stateMachine:stratos"
ASKERS = 4


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    seams = [BucketRegions(), BetweenRegions(lambda seconds: None), EndpointProcesses()]
    with running_cloud(seams, tmp_path, regions=REGIONS) as running:
        for name, value in running.settings.client_environment(
            running.settings.endpoint_url
        ).items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture
def stack(cloud: Cloud) -> Stack:
    names = StackNames(DEFAULT_STACK)
    found = Stack(BUCKET, "runs", MACHINE, "schedules", names, worker_regions=(WORKER,))
    make_bucket(
        InfraCloud(cloud.settings.endpoint_url, region=WORKER, caller=cloud.settings.key.owner),
        found.in_region(WORKER).bucket,
    )
    return found


@pytest.fixture
def places(cloud: Cloud) -> dict[str, Cloud]:
    return {HOME: cloud, WORKER: cloud.in_region(WORKER)}


def stage(places: dict[str, Cloud], generation: int) -> Served:
    """Endpoints in both regions, whose answer is their region and generation."""
    record = factories.served(*REGIONS, generation=generation)
    for place in record.regions:
        there = places[place.region]
        config = f"{place.region}-{generation}"
        create_config(there, config)
        there.sagemaker.create_endpoint(EndpointName=place.endpoint_name, EndpointConfigName=config)
        assert settled(there, place.endpoint_name)["EndpointStatus"] == "InService"
    return record


def end(places: dict[str, Cloud], record: Served) -> None:
    for place in record.regions:
        places[place.region].sagemaker.delete_endpoint(EndpointName=place.endpoint_name)


def promote(stack: Stack, record: Served) -> None:
    for region in REGIONS:
        place = stack.in_region(region)
        body = record.model_dump_json().encode()
        place.s3.put_object(Bucket=place.bucket, Key=served_key(record.spec_name), Body=body)


def test_no_question_is_lost_to_a_region_that_is_cut_off_or_to_a_model_that_is_replaced(
    cloud: Cloud, places: dict[str, Cloud], stack: Stack
) -> None:
    network, first = RegionNetwork(cloud.settings), stage(places, 1)
    promote(stack, first)
    client = Client("tiles", stack, origin=WORKER)
    assert client.ask("?").text == f"{WORKER}-1"
    network.cut(WORKER)
    answer = client.ask("?")
    assert (answer.text, [passed.region for passed in answer.passed_over]) == (
        f"{HOME}-1",
        [WORKER],
    )
    network.mend(WORKER)
    network.cut(HOME)  # the copy says where it is
    assert Client("tiles", stack, origin=HOME).ask("?").text == f"{WORKER}-1"
    network.mend(HOME)

    second, over = stage(places, 2), threading.Event()

    def ask() -> list[str]:
        answers = []
        while not over.is_set():
            answers.append(client.ask("?").text)
        return [*answers, client.ask("?").text]

    with ThreadPoolExecutor(ASKERS) as pool:
        asking = [pool.submit(ask) for _ in range(ASKERS)]
        try:
            promote(stack, second)
            end(places, first)  # at once, where a promotion waits for them to drain
        finally:
            over.set()
        told = [future.result() for future in asking]
    assert {answers[-1] for answers in told} <= {f"{HOME}-2", f"{WORKER}-2"}

    end(places, second)
    with pytest.raises(EndpointNotFound, match=rf"(?s)in {WORKER}.*not found.*in {HOME}"):
        Client("tiles", stack, origin=WORKER, within_seconds=20).ask("?")
