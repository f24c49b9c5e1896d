import boto3
import pytest
from botocore.stub import Stubber

from stratos.contracts.messages import Message, NamedTool, Tool, ToolCall
from training.teachers.converse import converse_input, inference_settings, read_answer
from training.teachers.metering import Meter, Prices
from training.teachers.service import Busy, Refused
from training.teachers.teacher import Request

TOOLS = (Tool(name="weather", description="Of a city"), Tool(name="clock"))
SCHEMA = {"type": "object", "properties": {}}
USAGE = {"inputTokens": 10, "outputTokens": 3, "totalTokens": 13}


def call(city, id=None):
    return ToolCall(name="weather", arguments={"city": city}, id=id)


def said(*blocks, stop_reason="end_turn", usage=USAGE):
    return {
        "output": {"message": {"role": "assistant", "content": list(blocks)}},
        "stopReason": stop_reason,
        "usage": usage,
    }


def read(answer, tools=TOOLS, tool_choice=None):
    messages = (Message(role="user", content="q"),)
    request = Request(messages, 16, tools=tools, tool_choice=tool_choice)
    return read_answer(answer, request, Meter("m", Prices(1.0, 1e6)))


CONVERSATION = (
    Message(role="system", content="be brief"),
    Message(role="user", content="Oslo and Rome?"),
    Message(role="assistant", content="", tool_calls=(call("Oslo"), call("Rome"))),
    Message(role="tool", content='{"sky": "grey"}'),
    Message(role="tool", content="sunny"),
    Message(role="user", content="and now?"),
)


def test_a_call_that_was_forbidden_is_none():
    used = {"toolUse": {"name": "weather", "input": {}, "toolUseId": "c"}}
    found = read(said({"text": "Let me see."}, used), tool_choice="none")
    assert (found.text, found.tool_calls) == ("Let me see.", ())
    assert read(said(used)).tool_calls


def test_a_reason_of_an_odd_kind_raises_nothing():
    assert read(said({"text": "a"}, stop_reason=["end_turn"])).text == "a"


def test_a_conversation_with_calls_is_what_converse_takes():
    asked = Request(CONVERSATION, 16, tools=TOOLS, tool_choice=NamedTool(name="clock"))
    found = converse_input(asked, inference_settings(asked))
    assert found == {
        "system": [{"text": "be brief"}],
        "inferenceConfig": {"maxTokens": 16, "temperature": 0.0},
        "messages": [
            {"role": "user", "content": [{"text": "Oslo and Rome?"}]},
            {
                "role": "assistant",
                "content": [
                    {
                        "toolUse": {
                            "toolUseId": f"call_{number}",
                            "name": "weather",
                            "input": {"city": city},
                        }
                    }
                    for number, city in enumerate(("Oslo", "Rome"))
                ],
            },
            {
                "role": "user",
                "content": [
                    {"toolResult": {"toolUseId": "call_0", "content": [{"json": {"sky": "grey"}}]}},
                    {"toolResult": {"toolUseId": "call_1", "content": [{"text": "sunny"}]}},
                    {"text": "and now?"},
                ],
            },
        ],
        "toolConfig": {
            "tools": [
                {
                    "toolSpec": {
                        "name": "weather",
                        "description": "Of a city",
                        "inputSchema": {"json": SCHEMA},
                    }
                },
                {"toolSpec": {"name": "clock", "inputSchema": {"json": SCHEMA}}},
            ],
            "toolChoice": {"tool": {"name": "clock"}},
        },
    }
    client = boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )
    with Stubber(client) as stubber:
        stubber.add_response("converse", {**said({"text": "a"}), "metrics": {"latencyMs": 1}})
        client.converse(modelId="m", **found)
    client.close()


@pytest.mark.parametrize(
    ("choice", "written"),
    [(None, None), ("auto", {"auto": {}}), ("required", {"any": {}}), ("none", None)],
)
def test_which_tool_must_be_called(choice, written):
    asked = Request(CONVERSATION, 16, tools=TOOLS, tool_choice=choice)
    assert converse_input(asked, {})["toolConfig"].get("toolChoice") == written


def test_tools_that_may_not_be_called_are_not_offered_for_nothing():
    asked = Request(CONVERSATION[:2], 16, tools=TOOLS, tool_choice="none")
    assert "toolConfig" not in converse_input(asked, {})


def test_an_answer_is_text_thinking_and_calls():
    found = read(
        said(
            {"reasoningContent": {"reasoningText": {"text": "hm"}}},
            {"text": "I look."},
            {"toolUse": {"toolUseId": "t1", "name": "weather", "input": {"city": "Oslo"}}},
            stop_reason="tool_use",
        )
    )
    assert (found.text, found.thinking, found.tool_calls) == (
        "I look.",
        "hm",
        (call("Oslo", "t1"),),
    )
    assert (found.prompt_tokens, found.completion_tokens) == (10, 3)


@pytest.mark.parametrize(
    ("answer", "finished"),
    [
        (said(), True),
        (said({"toolUse": {"toolUseId": "t", "name": "weather", "input": {}}}), True),
        (said(stop_reason="max_tokens"), False),
        (said({"text": "a"}, stop_reason="model_context_window_exceeded"), False),
        (said(stop_reason="malformed_tool_use"), False),
    ],
)
def test_a_useless_answer_is_an_answer(answer, finished):
    found = read(answer, tools=())
    assert (found.finished, found.tool_calls) == (finished, ())
    assert found.usd == pytest.approx(3 + 10 / 1e6)


@pytest.mark.parametrize("reason", ["guardrail_intervened", "content_filtered"])
def test_a_withheld_answer_is_paid_for(reason):
    with pytest.raises(Refused, match=reason) as caught:
        read(said(stop_reason=reason))
    assert caught.value.billed.usd == pytest.approx(3 + 10 / 1e6)


@pytest.mark.parametrize("answer", [{}, {"output": {}, "usage": USAGE}, [], None])
def test_what_is_no_answer_is_asked_for_again(answer):
    with pytest.raises(Busy, match="no answer of Converse"):
        read(answer)


@pytest.mark.parametrize("usage", [None, {}, {"inputTokens": -1, "outputTokens": -5}])
def test_usage_is_never_below_zero(usage):
    found = read(said({"text": "a"}, usage=usage))
    assert found.prompt_tokens > 0
    assert 0 < found.completion_tokens <= 16
