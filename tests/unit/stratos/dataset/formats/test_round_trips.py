"""What is written in any style comes back byte for byte."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stratos.contracts.messages import Message, Tool, ToolCall, openai_message
from stratos.dataset.formats.detection import detect_format
from tests.unit.stratos.dataset.formats.rows import read, reply_of

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)  # fmt: skip
ARGUMENTS = st.dictionaries(TEXTS, VALUES, max_size=3)
CALLS = st.builds(ToolCall, name=TEXTS, arguments=ARGUMENTS, id=TEXTS)
TOOLS = st.builds(Tool, name=TEXTS, description=st.none() | TEXTS, parameters=ARGUMENTS)


@st.composite
def conversations(draw: st.DrawFn) -> list[Message]:
    """Turns of users, calls with what tools answer, and replies; a reply closes it."""
    messages = [Message(role="system", content=draw(TEXTS))]
    for _ in range(draw(st.integers(1, 3))):
        messages.append(Message(role="user", content=draw(TEXTS)))
        if draw(st.booleans()):
            called = draw(CALLS)
            messages.append(Message(role="assistant", content="", tool_calls=(called,)))
            told = draw(TEXTS)
            messages.append(Message(role="tool", content=told, tool_call_id=called.id))
        text = draw(TEXTS)
        calls = tuple(draw(st.lists(CALLS, max_size=2))) or None
        messages.append(Message(role="assistant", content=text, tool_calls=calls))
    return messages


def openai(messages: list[Message], tools: list[Tool]) -> dict[str, Any]:
    return {
        "messages": [openai_message(m) for m in messages],
        "tools": [
            {"type": "function", "function": tool.model_dump(exclude_none=True)} for tool in tools
        ],
    }


def anthropic(messages: list[Message], tools: list[Tool]) -> dict[str, Any]:
    def block(call: ToolCall) -> dict[str, Any]:
        return {"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments}

    def said(message: Message) -> dict[str, Any]:
        text = [{"type": "text", "text": message.content}] if message.content else []
        if message.role == "tool":
            told = {
                "type": "tool_result",
                "tool_use_id": message.tool_call_id,
                "content": message.content,
            }
            return {"role": "user", "content": [told]}
        calls = [block(call) for call in message.tool_calls or ()]
        return {"role": message.role, "content": [*text, *calls]}

    return {
        "system": messages[0].content,
        "messages": [said(m) for m in messages[1:]],
        "tools": [
            {
                "name": tool.name,
                "input_schema": tool.parameters,
                **({} if tool.description is None else {"description": tool.description}),
            }
            for tool in tools
        ],
    }


def converse(messages: list[Message], tools: list[Tool]) -> dict[str, Any]:
    def said(message: Message) -> dict[str, Any]:
        if message.role == "tool":
            told = {"toolUseId": message.tool_call_id, "content": [{"text": message.content}]}
            return {"role": "user", "content": [{"toolResult": told}]}
        text = [{"text": message.content}] if message.content else []
        calls = [
            {"toolUse": {"toolUseId": call.id, "name": call.name, "input": call.arguments}}
            for call in message.tool_calls or ()
        ]
        return {"role": message.role, "content": [*text, *calls]}

    specs = [
        {
            "name": tool.name,
            "inputSchema": {"json": tool.parameters},
            **({} if tool.description is None else {"description": tool.description}),
        }
        for tool in tools
    ]
    return {
        "system": [{"text": messages[0].content}],
        "messages": [said(m) for m in messages[1:]],
        "toolConfig": {"tools": [{"toolSpec": spec} for spec in specs]},
    }


def request_and_response(messages: list[Message], tools: list[Tool]) -> dict[str, Any]:
    whole = openai(messages, tools)
    reply = whole["messages"].pop()
    return {"request": whole, "response": {"choices": [{"message": reply}]}}


def bedrock_log(messages: list[Message], tools: list[Tool]) -> dict[str, Any]:
    whole = converse(messages, tools)
    reply = whole["messages"].pop()
    return {
        "schemaType": "ModelInvocationLog",
        "input": {"inputBodyJson": whole},
        "output": {"outputBodyJson": {"output": {"message": reply}, "stopReason": "end_turn"}},
    }


def litellm(messages: list[Message], tools: list[Tool]) -> dict[str, Any]:
    row = request_and_response(messages, tools)
    return {
        "call_type": "acompletion",
        "messages": row["request"]["messages"],
        "model_parameters": {"tools": row["request"]["tools"]},
        "response": json.dumps(row["response"]),
    }


def langfuse(messages: list[Message], tools: list[Tool]) -> dict[str, Any]:
    row = request_and_response(messages, tools)
    reply = row["response"]["choices"][0]["message"]
    return {"traceId": "t", "input": json.dumps(row["request"]), "output": json.dumps(reply)}


STYLES = [openai, anthropic, converse, request_and_response, bedrock_log, litellm, langfuse]


@pytest.mark.parametrize("style", STYLES)
@given(messages=conversations(), tools=st.lists(TOOLS, max_size=2))
@settings(max_examples=40)
def test_texts_tools_and_calls_come_back_from_each_style(
    style: Callable[[list[Message], list[Tool]], dict[str, Any]],
    messages: list[Message],
    tools: list[Tool],
) -> None:
    row = json.loads(json.dumps(style(messages, tools)))
    found = read(row, detect_format(row))
    assert [*found.messages, reply_of(found)] == messages
    assert found.tools == (tuple(tools) or None)


@given(prompt=TEXTS, answer=TEXTS)
@pytest.mark.parametrize(
    "fields",
    [("prompt", "completion"), ("question", "answer"), ("instruction", "output"),
     ("input", "output"), ("request", "response")],
)  # fmt: skip
def test_questions_and_answers_come_back(fields: tuple[str, str], prompt: str, answer: str) -> None:
    row = {fields[0]: prompt, fields[1]: answer}
    if prompt.lstrip()[:1] in ("{", "["):
        return  # a request written as JSON
    found = read(row, detect_format(row))
    assert found.messages == (Message(role="user", content=prompt),)
    assert reply_of(found).content == answer
