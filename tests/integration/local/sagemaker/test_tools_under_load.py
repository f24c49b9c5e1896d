"""A model that calls tools, behind an endpoint of the embedded cloud, measured under load."""

from __future__ import annotations

import pytest
from endpoint_models import create_engine_model, settled
from sagemaker_cloud import running_cloud

from infra.local.sagemaker.endpoints.endpoint_processes import EndpointProcesses
from lambdas.aws.chat import Chat
from serving.export.gguf_file import write_gguf
from stratos.contracts.messages import NamedTool, ToolCall, calls_text
from stratos.contracts.records import Record
from stratos.measuring.answers import JudgedAnswers
from stratos.measuring.load import LoadTest
from tests import factories
from tests.calling_model import (
    CALL,
    CALLS,
    ONE,
    TALK,
    TOOLS,
    TWO,
    asked,
    save_calling,
)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    folder = save_calling(tmp_path_factory.mktemp("calling") / "model")
    gguf = write_gguf(folder, "float32").read_bytes()
    with running_cloud([EndpointProcesses()], tmp_path_factory.mktemp("state")) as running:
        create_engine_model(running, "calling", gguf)
        variant = {
            "VariantName": "main",
            "ModelName": "calling",
            "InstanceType": "ml.local.cpu1",
            "InitialInstanceCount": 1,
            "InitialVariantWeight": 1.0,
        }
        running.sagemaker.create_endpoint_config(
            EndpointConfigName="calling", ProductionVariants=[variant]
        )
        running.sagemaker.create_endpoint(EndpointName="calling", EndpointConfigName="calling")
        described = settled(running, "calling")
        assert described["EndpointStatus"] == "InService", described.get("FailureReason")
        yield running


def record(number: int, question: str, *calls: ToolCall, **choice: object) -> Record:
    gold = calls_text(calls)
    told = {"tools": TOOLS, "gold": gold} | choice
    return Record(id=f"r{number}", messages=(asked(question),), **told)  # type: ignore[arg-type]


def test_calls_are_counted_right_under_load_by_what_they_call(cloud):
    runtime = cloud.client("sagemaker-runtime")

    def ask(body: bytes) -> bytes:
        answer: bytes = runtime.invoke_endpoint(EndpointName="calling", Body=body)["Body"].read()
        return answer

    task = factories.spec(task={"dataset": "d.jsonl", "verifier": {"kind": "tool_call"}}).task
    answers = JudgedAnswers(Chat(ask, "calling", task, max_tokens=160).ask)
    questions = [
        record(1, ONE, CALL),
        record(2, TWO, *CALLS),
        record(3, TALK),
        # Without the demand the model talks; with it, it calls.
        record(4, TALK, CALL, tool_choice="required"),
        record(5, ONE, ToolCall(name="look"), tool_choice=NamedTool(name="look")),
        # Wrong on purpose: the other tool is called.
        record(6, ONE, ToolCall(name="look")),
    ]
    load = LoadTest(
        ask=answers.ask,
        questions=questions,
        requests_per_second=10,
        seconds=1.0,
        least_requests=2 * len(questions),
        warm_up_seconds=0.0,
    ).run()
    assert (load.num_failed, load.num_requests >= 2 * len(questions)) == (0, True)
    assert answers.accuracy is not None
    assert (answers.accuracy.n, answers.accuracy.value) == (6, pytest.approx(5 / 6))
