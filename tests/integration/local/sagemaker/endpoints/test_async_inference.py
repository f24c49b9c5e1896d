"""Endpoints with a queue: asked and answered through the bucket."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from botocore.exceptions import ClientError
from endpoint_models import create_config, describe, settled
from queued_models import QUEUE, ask_queue, create

from infra.local.sagemaker.api import Placed
from infra.local.sagemaker.endpoints.async_inference import InferenceQueues, QueuedRequest
from lambdas.aws.chat import Chat
from stratos.contracts.messages import Message
from stratos.contracts.records import Record
from stratos.errors import RequestFailed
from stratos.measuring.answers import JudgedAnswers
from stratos.measuring.blame import blames_model
from stratos.measuring.load import LoadTest
from tests import factories
from tests.patience import eventually


def test_a_question_to_a_queue_is_answered_in_the_bucket(cloud, queued):
    answer = json.loads(ask_queue(cloud, "queued", b'{"question": 1}'))
    assert answer["answer"] == "queued"
    assert answer["body"] == '{"question": 1}'
    assert len(cloud.keys("async/tiles/requests/")) == len(cloud.keys("async/tiles/answers/"))


def test_an_endpoint_with_a_queue_is_measured_from_question_to_answer(cloud, queued):
    chat = Chat(
        ask_endpoint=partial(ask_queue, cloud, "queued"),
        model_name="tiles",
        task=factories.spec(task={"dataset": "d.jsonl", "verifier": {"kind": "exact"}}).task,
        max_tokens=8,
    )
    asked = (Message(role="user", content="which tiles?"),)
    question = Record(id="q", messages=asked, gold="queued")
    answers = JudgedAnswers(chat.ask)
    load = LoadTest(
        ask=answers.ask,
        questions=[question],
        requests_per_second=10,
        seconds=1.0,
        warm_up_seconds=0.0,
    ).run()
    assert load.num_failed == 0
    assert answers.accuracy is not None
    assert (answers.accuracy.n, answers.accuracy.value) == (1, 1.0)


def test_why_a_queued_request_failed_lies_beside_the_answers(cloud, queued):
    with pytest.raises(RequestFailed, match=r"422.*no messages") as failed:
        ask_queue(cloud, "queued", b"bad")
    assert blames_model(str(failed.value))
    assert len(cloud.keys("async/tiles/failures/")) == 1


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
        eventually(lambda: answers.count("swap-b"), lambda seen: seen >= 8)
        over.set()
        for future in asking:
            future.result()
    assert set(answers) <= {"swap-a", "swap-b"}
    assert describe(cloud, "swap-a")["EndpointConfigName"] == "swap-b"


def test_a_request_whose_failure_cannot_be_written_either_is_told_in_the_log(monkeypatch, caplog):
    def refuse(*_):
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "PutObject")

    request = QueuedRequest(
        endpoint=Placed("us-east-1", "tiles"),
        input_uri="s3://bucket/in",
        output_uri="s3://bucket/out",
        failure_uri="s3://bucket/failed",
        session=None,
        headers={},
        timeout_seconds=1.0,
    )
    queues = InferenceQueues(lambda *_: None)
    monkeypatch.setattr(queues, "_read", lambda _: b"{}")
    monkeypatch.setattr(queues, "_write", refuse)
    queues.put(request, {})
    eventually(lambda: "A request to tiles was lost" in caplog.text)
    queues.close()
