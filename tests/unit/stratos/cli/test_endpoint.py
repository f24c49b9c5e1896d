"""Asking an endpoint, and deleting what a run left."""

from __future__ import annotations

import json

import boto3
import pytest

from stratos.cli import endpoint
from stratos.cli.runs import find_run
from stratos.contracts.bucket import RunKeys
from stratos.contracts.messages import Message, openai_message
from stratos.errors import (
    EndpointNotFound,
)
from stratos.hosting.chat_request import Said
from tests.unit.stratos.cli.stack_contents import keys, put_endpoint, put_model, put_run, run


def test_a_model_that_batches_ask_goes_with_its_run(stack):
    sagemaker = boto3.client("sagemaker")
    sagemaker.create_model(
        ModelName="stratos-r-1-a0", ExecutionRoleArn="arn:aws:iam::123456789012:role/batches"
    )
    put_run(stack, batch_model_name="stratos-r-1-a0")
    deleted = endpoint.delete(stack, find_run(stack, "r-1"), objects=False)
    assert deleted == ["stratos-r-1-a0"]
    assert sagemaker.list_models()["Models"] == []
    assert find_run(stack, "r-1").batch_model_name is None


def test_invoke_without_an_endpoint_says_so(stack):
    put_run(stack, "r-1", status="failed")
    with pytest.raises(EndpointNotFound, match="is failed and has no endpoint"):
        endpoint.invoke(stack, find_run(stack, "r-1"), "q", 8)


@pytest.fixture
def sent(stack, monkeypatch):
    """Messages that reach the endpoint of r-1, which answers each time."""
    put_run(stack, "r-1", endpoint_name="e")
    sent = []

    def send(_stack, _run, _name, body):
        sent.append(json.loads(body)["messages"])
        choice = {"message": {"content": "billing"}, "finish_reason": "stop"}
        return json.dumps({"choices": [choice]}).encode()

    monkeypatch.setattr(endpoint, "_send", send)
    return sent


@pytest.mark.parametrize(
    ("option", "before"),
    [([], []), (["--system", "Which team?"], [{"role": "system", "content": "Which team?"}])],
)
def test_invoke_puts_a_system_message_before_the_question_if_one_is_given(sent, option, before):
    assert run("invoke", "r-1", "Pay?", *option) == (0, "billing\n")
    assert sent == [[*before, {"role": "user", "content": "Pay?"}]]


def test_a_conversation_is_asked_with_its_system_message(stack, sent):
    asked = [Message(role="system", content="Which team?"), Message(role="user", content="Pay?")]
    assert endpoint.converse(stack, find_run(stack, "r-1"), asked, 8) == Said("billing")
    assert sent == [[openai_message(message) for message in asked]]


TOOLS = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]


@pytest.fixture
def calling(stack, monkeypatch):
    """Requests that reach the endpoint of r-1, which calls a tool."""
    put_run(stack, "r-1", endpoint_name="e")
    sent = []

    def send(_stack, _run, _name, body):
        sent.append(json.loads(body))
        function = {"name": "look", "arguments": '{"where": "Malmö"}'}
        call = {"id": "c", "type": "function", "function": function}
        message = {"content": None, "tool_calls": [call]}
        return json.dumps({"choices": [{"message": message}]}).encode()

    monkeypatch.setattr(endpoint, "_send", send)
    return sent


def test_invoke_offers_tools_and_prints_the_calls(calling, tmp_path):
    tools = tmp_path / "tools.json"
    tools.write_text(json.dumps(TOOLS))
    called = {"name": "look", "arguments": {"where": "Malmö"}}
    code, out = run("invoke", "r-1", "Where?", "--tools", str(tools), "--tool-choice", "look")
    assert (code, json.loads(out)) == (0, called)
    assert "Malmö" in out
    asked = calling[0]
    assert (asked["tools"], asked["tool_choice"]) == (TOOLS, "required")
    code, out = run("invoke", "r-1", "Where?", "--tools", str(tools), "--json")
    assert (code, json.loads(out)) == (0, {"answer": "", "tool_calls": [called]})
    assert "tool_choice" not in calling[1]


@pytest.mark.parametrize(
    "options",
    [
        ["--tool-choice", "auto"],
        ["--tools", "nothing.json"],
        ["--tools", "t", "--tool-choice", "x"],
    ],
)
def test_invoke_refuses_tools_that_it_cannot_offer(calling, options, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t").write_text(json.dumps(TOOLS))
    assert run("invoke", "r-1", "Where?", *options)[0] == 2
    assert calling == []


def test_delete_removes_endpoint_config_and_model_of_its_run_only(stack):
    sagemaker = stack.sagemaker
    put_model(stack, "r-1")
    put_endpoint(stack, "e", "r-2")
    put_run(stack, "r-1", endpoint_name="e")
    put_run(stack, "r-2", endpoint_name="e")
    assert endpoint.delete(stack, find_run(stack, "r-1"), objects=False) == []
    assert len(sagemaker.list_endpoints()["Endpoints"]) == 1
    stack.s3.put_object(Bucket="bucket", Key=RunKeys("r-2").summary, Body=b"{}")
    stack.s3.put_object(Bucket="bucket", Key=RunKeys("r-2").checkpoints("distill"), Body=b"")
    code, out = run("delete", "r-2", "--objects", "--json")
    assert code == 0
    assert json.loads(out)["deleted"][:3] == ["e", "r-2", "r-2"]
    assert sagemaker.list_endpoints()["Endpoints"] == []
    assert keys(stack) == set()
    assert find_run(stack, "r-2").status == "deleted"


def test_delete_removes_a_component_and_its_model_before_the_endpoint(stack):
    sagemaker = stack.sagemaker
    for run_id in ("r-1", "r-2"):
        put_model(stack, run_id)
    variant = {
        "VariantName": "AllTraffic",
        "InstanceType": "ml.m5.large",
        "ManagedInstanceScaling": {"Status": "ENABLED", "MinInstanceCount": 0},
    }
    sagemaker.create_endpoint_config(
        EndpointConfigName="r-1",
        ExecutionRoleArn="arn:aws:iam::123456789012:role/endpoint",
        ProductionVariants=[variant],
    )
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="r-1")
    sagemaker.create_inference_component(
        InferenceComponentName="e",
        EndpointName="e",
        VariantName="AllTraffic",
        Specification={"ModelName": "r-2"},
        RuntimeConfig={"CopyCount": 1},
    )
    put_run(stack, "r-1", endpoint_name="e")
    put_run(stack, "r-2", endpoint_name="e")
    assert endpoint.delete(stack, find_run(stack, "r-1"), objects=False) == []  # r-2 took it over
    assert endpoint.delete(stack, find_run(stack, "r-2"), objects=False) == ["r-2", "e", "r-1"]
    assert sagemaker.list_inference_components()["InferenceComponents"] == []
    assert sagemaker.list_endpoints()["Endpoints"] == []
