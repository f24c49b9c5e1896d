"""Each way to host a model, told from the others; serverless endpoints on this machine."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError
from endpoint_models import create_config, describe, invoke, settled
from queued_models import QUEUE, ask_queue, create
from sagemaker_cloud import BUCKET

from stratos.cli import endpoint
from stratos.cli.stack import Stack
from stratos.hosting.modes.table import mode_of
from stratos.hosting.names import DEFAULT_STACK, StackNames
from tests import factories

SERVERLESS = {"MemorySizeInMB": 2048, "MaxConcurrency": 2}


@pytest.fixture(scope="module")
def serverless(cloud):
    return create(cloud, "serverless", ServerlessConfig=SERVERLESS)


def test_each_kind_of_endpoint_is_told_from_its_description(cloud, serverless, queued):
    create_config(cloud, "plain")
    cloud.sagemaker.create_endpoint(EndpointName="plain", EndpointConfigName="plain")
    assert mode_of(settled(cloud, "plain")).name == "realtime"
    assert mode_of(serverless).name == "serverless"
    assert mode_of(queued).name == "async"
    config = cloud.sagemaker.describe_endpoint_config(EndpointConfigName="queued")
    assert config["AsyncInferenceConfig"] == QUEUE


def test_a_serverless_endpoint_answers_with_the_threads_of_its_memory(cloud, serverless):
    report = invoke(cloud, "serverless")["Body"]
    assert report["answer"] == "serverless"
    assert report["environment"]["OMP_NUM_THREADS"] == "1"


def test_more_at_once_than_a_serverless_endpoint_takes_is_throttled(cloud, serverless):
    with ThreadPoolExecutor(6) as pool:
        sent = [pool.submit(invoke, cloud, "serverless", b"slow") for _ in range(6)]
        errors = [future.exception() for future in sent]
    refused = [error for error in errors if error is not None]
    assert 0 < len(refused) < 6
    assert all("ThrottlingException" in str(error) for error in refused)


def test_a_real_time_endpoint_does_not_become_another_kind(cloud, serverless):
    create(cloud, "stays")
    create_config(cloud, "becomes-serverless", ServerlessConfig=SERVERLESS)
    create_config(cloud, "becomes-async", queue=QUEUE)
    for config in ("becomes-serverless", "becomes-async"):
        with pytest.raises(ClientError, match="Cannot update endpoint"):
            cloud.sagemaker.update_endpoint(EndpointName="stays", EndpointConfigName=config)
    assert describe(cloud, "stays")["EndpointStatus"] == "InService"


def test_a_serverless_endpoint_becomes_a_real_time_one(cloud):
    create(cloud, "too-slow", ServerlessConfig=SERVERLESS)
    create_config(cloud, "with-instances")
    cloud.sagemaker.update_endpoint(EndpointName="too-slow", EndpointConfigName="with-instances")
    moved = settled(cloud, "too-slow")
    assert (moved["EndpointStatus"], mode_of(moved).name) == ("InService", "realtime")
    assert invoke(cloud, "too-slow")["Body"]["answer"] == "with-instances"


def test_the_command_line_asks_either_kind(cloud, queued, serverless, monkeypatch):
    for name, value in cloud.settings.client_environment(cloud.settings.endpoint_url).items():
        monkeypatch.setenv(name, value)
    stack = Stack(BUCKET, "runs", "arn", "schedules", StackNames(DEFAULT_STACK))
    for name in ("queued", "serverless"):
        row = factories.run_row("tiles-1", spec_name="tiles", endpoint_name=name)
        assert endpoint.invoke(stack, row, "which tiles?", max_tokens=8).text == name


def test_each_way_to_invoke_is_refused_by_the_other_kind(cloud, queued, serverless):
    with pytest.raises(ClientError, match="use InvokeEndpointAsync"):
        invoke(cloud, "queued")
    with pytest.raises(ClientError, match="not an asynchronous endpoint"):
        ask_queue(cloud, "serverless", b"{}")
