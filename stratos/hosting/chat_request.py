"""A question in the OpenAI chat schema, as measurements, batches and `stratos invoke` put it.

It says how to sample and for how long, so that every engine reads it alike. vLLM refuses another
name than the spec's, under which the model is served; llama.cpp does not look at it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from stratos.contracts.messages import (
    Message,
    NamedTool,
    Tool,
    ToolCall,
    ToolChoice,
    offered_tools,
    openai_message,
    openai_tool,
    with_numbered_calls,
)
from stratos.contracts.records import Record

UNREADABLE = "unreadable arguments"
"""Names what a model wrote in place of arguments, where that is no JSON object: it is kept, and
equals no gold answer."""


@dataclass(frozen=True)
class Said:
    """What a model answered.

    Attributes:
        calls: Tools that it calls, after its text.
        finished: The model came to its end, and not to its limit of tokens.
    """

    text: str
    calls: tuple[ToolCall, ...] = ()
    finished: bool = True


def chat_request(
    messages: Sequence[Message],
    model_name: str,
    max_tokens: int,
    tools: Sequence[Tool] = (),
    tool_choice: ToolChoice | None = None,
) -> dict[str, Any]:
    """A greedy chat; also one line of a batch. Calls are numbered as in training.

    A named tool is the only one that is offered, and a call is required: llama.cpp reads a choice
    by name as none at all.

    Raises:
        ValueError: the named tool is not among the tools.
    """
    request = {
        "model": model_name,
        "messages": [openai_message(message) for message in with_numbered_calls(messages)],
        "max_tokens": max_tokens,
        "temperature": 0,
    }
    if not tools:
        return request  # vLLM refuses a choice among none
    request["tools"] = [openai_tool(tool) for tool in offered_tools(tools, tool_choice)]
    if tool_choice is not None:
        named = isinstance(tool_choice, NamedTool)
        request["tool_choice"] = "required" if named else tool_choice
    return request


def record_request(record: Record, model_name: str, max_tokens: int) -> dict[str, Any]:
    """The question of a record, with its tools; raises as `chat_request` does."""
    return chat_request(
        record.messages, model_name, max_tokens, record.tools or (), record.tool_choice
    )


def said_in(body: Any) -> Said:
    """What a chat completion says.

    Raises:
        LookupError, TypeError: when it is none.
    """
    choice = body["choices"][0]
    message = choice["message"]
    calls = tuple(call_in(call) for call in message.get("tool_calls") or ())
    text = message.get("content") if calls else message["content"]
    return Said(text or "", calls, choice.get("finish_reason") != "length")


def call_in(written: Any) -> ToolCall:
    """A call as OpenAI's schema writes it; what is no JSON object is kept as unreadable."""
    function = written["function"]
    named = {"name": function["name"], "id": written.get("id")}
    try:
        arguments = json.loads(function["arguments"] or "{}")
        return ToolCall.model_validate(named | {"arguments": arguments})
    except (ValueError, RecursionError):
        unreadable = {UNREADABLE: function["arguments"]}
        return ToolCall.model_validate(named | {"arguments": unreadable})
