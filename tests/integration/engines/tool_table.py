"""The table of requests with tools: what every endpoint promises of a model that calls them.

docs/serving.md shows the same rows; a test compares the names.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from stratos.contracts.messages import Message, Tool, ToolCall, openai_message, openai_tool
from stratos.hosting.chat_request import Said, said_in
from tests.calling_model import (
    ANSWERED,
    CALL,
    CALLS,
    COUNT,
    DONE,
    GREETING,
    LOOK,
    ONE,
    TALK,
    TOOLS,
    TWO,
    asked,
)
from tests.integration.engines.request_table import Difference, Endpoint, Promise, chat

NAMED = {"type": "function", "function": {"name": LOOK.name}}
NONSENSE = {"type": "function", "function": {"name": "odd", "parameters": {"type": "nonsense"}}}


def fields(
    question: str | Sequence[Message], tools: Sequence[Tool] = TOOLS, **others: Any
) -> dict[str, Any]:
    """A chat with tools, as a client sends it."""
    messages = [asked(question)] if isinstance(question, str) else question
    told = {"messages": [openai_message(message) for message in messages], "max_tokens": 160}
    return told | {"tools": [openai_tool(tool) for tool in tools]} | others


def said(endpoint: Endpoint, *question: Any, **others: Any) -> Said:
    return said_in(endpoint.ask(**fields(*question, **others)))


def listed(calls: Sequence[ToolCall]) -> list[tuple[str, dict[str, Any]]]:
    return [(call.name, call.arguments) for call in calls]


def _calls_one(endpoint: Endpoint) -> None:
    answer = endpoint.ask(**fields(ONE))
    (choice,) = answer["choices"]
    assert choice["finish_reason"] == "tool_calls"
    (call,) = choice["message"]["tool_calls"]
    assert (call["type"], call["function"]["name"]) == ("function", CALL.name)
    assert json.loads(call["function"]["arguments"]) == CALL.arguments
    assert call["id"]
    assert not choice["message"]["content"]
    assert listed(said(endpoint, ONE, tool_choice="auto").calls) == listed([CALL])


def _calls_none(endpoint: Endpoint) -> None:
    answer = said(endpoint, TALK)
    assert (answer.text, answer.calls, answer.finished) == (GREETING, (), True)


def _calls_several(endpoint: Endpoint) -> None:
    assert listed(said(endpoint, TWO).calls) == listed(CALLS)


def _streams_calls(endpoint: Endpoint) -> None:
    found: dict[int, dict[str, str]] = {}
    reasons = []
    for event in endpoint.events(**fields(TWO)):
        for choice in event["choices"]:
            reasons.append(choice.get("finish_reason"))
            for piece in choice["delta"].get("tool_calls") or ():
                call = found.setdefault(piece["index"], {"id": "", "name": "", "arguments": ""})
                call["id"] += piece.get("id") or ""
                for part in ("name", "arguments"):
                    call[part] += piece["function"].get(part) or ""
    calls = [(call["name"], json.loads(call["arguments"])) for call in found.values()]
    assert calls == listed(CALLS)
    assert all(call["id"] for call in found.values())
    assert [reason for reason in reasons if reason] == ["tool_calls"]


def _reads_answers_of_tools(endpoint: Endpoint) -> None:
    assert said(endpoint, ANSWERED).text == DONE


def _calls_none_where_none_is_chosen(endpoint: Endpoint) -> None:
    answer = endpoint.ask(**fields(ONE, tool_choice="none"))
    assert not answer["choices"][0]["message"].get("tool_calls")
    with_tools = endpoint.ask(**fields(ONE))["usage"]["prompt_tokens"]
    assert answer["usage"]["prompt_tokens"] == with_tools


def _calls_where_a_call_is_required(endpoint: Endpoint) -> None:
    for tools in (TOOLS, (COUNT,), (LOOK,)):
        (call, *_) = said(endpoint, TALK, tools, tool_choice="required").calls
        assert call.name in {tool.name for tool in tools}


def _refuses_other_choices(endpoint: Endpoint) -> None:
    assert "nonsense" in endpoint.refusal(**fields(TALK, tool_choice="nonsense"))


TOOL_PROMISES = (
    Promise("`tools`, and something to call", _calls_one),
    Promise("`tools`, and nothing to call", _calls_none),
    Promise("several calls at once", _calls_several),
    Promise("`stream` with calls", _streams_calls),
    Promise("messages with `tool_calls`, and of the role `tool`", _reads_answers_of_tools),
    Promise("`tool_choice: none`", _calls_none_where_none_is_chosen),
    Promise("`tool_choice: required`", _calls_where_a_call_is_required),
    Promise("another word as `tool_choice`", _refuses_other_choices),
)

TOOL_DIFFERENCES = (
    Difference(
        "`tool_choice: required` without tools",
        {"messages": [openai_message(asked(TALK))], "tool_choice": "required"},
        status={"llama_cpp": 200, "vllm": 400},
    ),
    Difference(
        "`tool_choice` names a tool that is not offered",
        fields(ONE, (COUNT,), tool_choice=NAMED),
        status={"llama_cpp": 200, "vllm": 400},
    ),
    Difference(
        "an empty list of tools",
        fields(TALK) | {"tools": []},
        status={"llama_cpp": 200, "vllm": 400},
    ),
    Difference(
        "tools as text", fields(TALK) | {"tools": "x"}, status={"llama_cpp": 500, "vllm": 400}
    ),
    Difference(
        "a tool without `function`",
        fields(TALK) | {"tools": [{"type": "function"}]},
        status={"llama_cpp": 500, "vllm": 400},
    ),
    Difference(
        "parameters that are no JSON Schema",
        fields(TALK) | {"tools": [NONSENSE]},
        status={"llama_cpp": 400, "vllm": 200},
    ),
)


def required_arguments(endpoint: Endpoint, *, strict: bool) -> dict[str, Any]:
    """Arguments of a call that is required where nothing asks for it."""
    told = fields(TALK, (COUNT,), tool_choice="required")
    if strict:
        told["tools"][0]["function"]["strict"] = True
    (call, *_) = said_in(endpoint.ask(**told)).calls
    return call.arguments


def called_by_name(endpoint: Endpoint) -> list[str]:
    """Tools that are called where a question asks for another than the one that is named."""
    return [call.name for call in said(endpoint, ONE, tool_choice=NAMED).calls]


def called_one_at_most(endpoint: Endpoint) -> int:
    """Calls where two are asked for and `parallel_tool_calls` is false."""
    return len(said(endpoint, TWO, parallel_tool_calls=False).calls)


def refused_without_a_word_for_tools(endpoint: Endpoint) -> str:
    """The refusal of a model whose template has no word for tools."""
    answer = endpoint.post(chat(tools=[openai_tool(COUNT)]))
    assert answer.status_code == 400, answer.text
    return str(answer.json()["error"]["message"])
