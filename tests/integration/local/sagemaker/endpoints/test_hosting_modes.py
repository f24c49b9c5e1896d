"""Serverless endpoints, and endpoints with a queue, on this machine."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from botocore.exceptions import ClientError
from endpoint_models import create_config, describe, invoke, settled
from sagemaker_cloud import BUCKET, running_cloud, wait_for

from infra.local.host.settings import REGION
from infra.local.sagemaker.endpoints.endpoints import Endpoints
from lambdas.aws.chat import Chat
from stratos.cli import endpoint
from stratos.cli.stack import Stack
from stratos.contracts.records import Message, Record
from stratos.errors import EndpointNotFound
from stratos.hosting.modes.interface import Connection
from stratos.hosting.modes.table import mode_named, mode_of
from stratos.measuring.load import LoadTest
from tests import factories

QUEUE = {
    "OutputConfig": {
        "S3OutputPath": f"s3://{BUCKET}/async/tiles/answers",
        "S3FailurePath": f"s3://{BUCKET}/async/tiles/failures",
    },
    "ClientConfig": {"MaxConcurrentInvocationsPerInstance": 8},
}
SERVERLESS = {"MemorySizeInMB": 2048, "MaxConcurrency": 2}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    with running_cloud([Endpoints()], tmp_path_factory.mktemp("state")) as running:
        yield running


def create(cloud, name, **config):
    create_config(cloud, name, **config)
    cloud.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    described = settled(cloud, name)
    assert described["EndpointStatus"] == "InService", described.get("FailureReason")
    return described


@pytest.fixture(scope="module")
def serverless(cloud):
    return create(cloud, "serverless", ServerlessConfig=SERVERLESS)


@pytest.fixture(scope="module")
def queued(cloud):
    return create(cloud, "queued", queue=QUEUE)


def ask_queue(cloud, name, body, patience_seconds=20.0):
    connection = Connection(
        endpoint_name=name,
        spec_name="tiles",
        bucket=BUCKET,
        runtime=cloud.client("sagemaker-runtime"),
        s3=cloud.s3,
        patience_seconds=patience_seconds,
    )
    return mode_named("async").ask(connection, body)


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


def test_a_question_to_a_queue_is_answered_in_the_bucket(cloud, queued):
    answer = json.loads(ask_queue(cloud, "queued", b'{"question": 1}'))
    assert answer["answer"] == "queued"
    assert answer["body"] == '{"question": 1}'
    assert len(cloud.keys("async/tiles/requests/")) == len(cloud.keys("async/tiles/answers/"))


def test_the_command_line_asks_either_kind(cloud, queued, serverless, monkeypatch):
    for name, value in {
        "AWS_ENDPOINT_URL": cloud.settings.endpoint_url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
    }.items():
        monkeypatch.setenv(name, value)
    stack = Stack(BUCKET, "runs", "arn", "schedules")
    for name in ("queued", "serverless"):
        row = factories.run_row("tiles-1", spec_name="tiles", endpoint_name=name)
        assert endpoint.invoke(stack, row, "which tiles?", max_tokens=8) == name


def test_an_endpoint_with_a_queue_is_measured_from_question_to_answer(cloud, queued):
    chat = Chat(
        ask_endpoint=partial(ask_queue, cloud, "queued"),
        model_name="tiles",
        task=factories.spec(task={"dataset": "d.jsonl", "verifier": {"kind": "exact"}}).task,
        max_tokens=8,
    )
    asked = (Message(role="user", content="which tiles?"),)
    question = Record(id="q", messages=asked, gold="queued")
    load = LoadTest(
        ask=chat.ask,
        questions=[question],
        requests_per_second=10,
        seconds=1.0,
        warm_up_seconds=0.0,
    ).run()
    assert load.num_failed == 0
    assert load.accuracy is not None
    assert load.accuracy.value == 1.0


def test_why_a_queued_request_failed_lies_beside_the_answers(cloud, queued):
    with pytest.raises(EndpointNotFound, match=r"422.*no messages"):
        ask_queue(cloud, "queued", b"bad")
    assert len(cloud.keys("async/tiles/failures/")) == 1


def test_each_way_to_invoke_is_refused_by_the_other_kind(cloud, queued, serverless):
    with pytest.raises(ClientError, match="use InvokeEndpointAsync"):
        invoke(cloud, "queued")
    with pytest.raises(ClientError, match="not an asynchronous endpoint"):
        ask_queue(cloud, "serverless", b"{}")


def test_no_queued_request_is_lost_while_the_model_is_replaced(cloud):
    create(cloud, "swap-a", queue=QUEUE)
    create_config(cloud, "swap-b", queue=QUEUE)
    answers, over = [], threading.Event()

    def ask() -> None:
        while not over.is_set():
            answers.append(json.loads(ask_queue(cloud, "swap-a", b"{}"))["answer"])

    with ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(ask) for _ in range(4)]
        cloud.sagemaker.update_endpoint(EndpointName="swap-a", EndpointConfigName="swap-b")
        settled(cloud, "swap-a")
        wait_for(lambda: answers.count("swap-b"), lambda seen: seen >= 8)
        over.set()
        for future in asking:
            future.result()
    assert set(answers) <= {"swap-a", "swap-b"}
    assert describe(cloud, "swap-a")["EndpointConfigName"] == "swap-b"
