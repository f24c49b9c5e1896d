"""Langfuse's observations: a call of a model with whatever its framework passed on.

What stands in `input` and `output` is the framework's own: bodies of requests and responses,
messages with blocks or parts, LangChain's messages with the tools among them.
"""

from __future__ import annotations

from collections.abc import Mapping

from stratos.dataset.formats.message_blocks import LoggedChat, chat_of
from stratos.dataset.formats.request_bodies import Asked, asked_or_text, with_system
from stratos.dataset.formats.response_bodies import given_answer
from stratos.dataset.formats.row import (
    NO_CALL,
    LoggedAnswer,
    ParsedRow,
    Row,
    RowError,
    looks_like_json,
    mapping,
    name_of,
    parsed,
)
from stratos.dataset.formats.tool_fields import tool_choice_of, tools_of

_MODEL_CALLS = frozenset({"GENERATION", "NONE"})
_MAYBE_CALLS = frozenset({"AGENT", "CHAIN"})
"""Observations that hold a conversation in some frameworks, and anything in others."""
_CONVERSATIONS = ("sessionId", "session_id", "traceId", "trace_id")


def langfuse_row(row: Row) -> ParsedRow:
    """An observation of Langfuse; those that call no model have nothing to learn."""
    kind = str(row.get("type")).upper()
    if row.get("input") is None or kind not in _MODEL_CALLS | _MAYBE_CALLS:
        return NO_CALL
    try:
        return _call(row)
    except RowError:
        if kind in _MAYBE_CALLS:
            return NO_CALL
        raise


def _call(row: Row) -> ParsedRow:
    given, output = _unpacked(row["input"], "input"), row.get("output")
    if _holds_messages(output):
        output = parsed(output, "output")
    listed, declared = _without_tools(given)
    asked = asked_or_text(listed, "input")
    if asked.tools is None:
        asked = asked._replace(tools=tools_of({"tools": declared or _definitions(row)}))
    if isinstance(output, dict) and output.get("object") == "response":
        asked = _with_response(asked, output)
    if str(row.get("level")).upper() == "ERROR":
        answer = LoggedAnswer(lacks="error")
    else:
        asked, output = _with_way(asked, output)
        answer = given_answer(output, "output")
    read = asked.answered(answer)
    names = (name_of(row.get(field)) for field in _CONVERSATIONS)
    return read._replace(conversation=next((name for name in names if name), None))


def _unpacked(value: object, name: str) -> object:
    """What was asked. A decorated function's arguments are that if they are one text."""
    if looks_like_json(value):
        value = parsed(value, name)
    if isinstance(value, dict) and value.keys() <= {"args", "kwargs"} and not value.get("kwargs"):
        match value.get("args"):
            case [str(text)]:
                return text
    return value


def _without_tools(given: object) -> tuple[object, list[object]]:
    """Messages, and the tools that LangChain's handler puts behind them as messages."""
    if not isinstance(given, list):
        return given, []
    tools = [one["content"] for one in given if _is_definition(one)]
    return [one for one in given if not _is_definition(one)], tools


def _is_definition(message: object) -> bool:
    if not isinstance(message, dict) or message.get("role") != "tool":
        return False
    content = message.get("content")
    return isinstance(content, dict) and content.keys() == {"type", "function"}


def _definitions(row: Row) -> list[object]:
    """Tools that Langfuse found in what was asked: their names → JSON of the rest."""
    found = row.get("toolDefinitions") or row.get("tool_definitions")
    if not found:
        return []
    named = mapping(parsed(found, "toolDefinitions"), "toolDefinitions")
    return [
        {
            "name": name,
            **mapping(parsed(rest, f"toolDefinitions.{name}"), f"toolDefinitions.{name}"),
        }
        for name, rest in named.items()
    ]


def _with_response(asked: Asked, response: Mapping[str, object]) -> Asked:
    """A request of which only the items were logged: a response of OpenAI's repeats the rest."""
    chat = asked.chat
    if all(said.role != "system" for said in chat.messages):
        chat = with_system(chat, response.get("instructions"), "output.instructions")
    return asked._replace(
        chat=chat,
        tools=asked.tools or tools_of(response, "output."),
        tool_choice=asked.tool_choice or tool_choice_of(response, "output."),
    )


def _with_way(asked: Asked, output: object) -> tuple[Asked, object]:
    """What an agent said and was told on its way to its answer belongs to the conversation.

    Calls that are messages of their own, one behind the other, were made at once.
    """
    if not isinstance(output, list) or len(output) < 2 or not all(map(_has_role, output)):
        return asked, output
    *way, last = output
    while way and way[-1]["role"] == last["role"] == "assistant":
        before = way.pop()
        content = [*_content(before), *_content(last)]
        last = {**last, "content": content, "tool_calls": [*_calls(before), *_calls(last)]}
    if not way:
        return asked, last
    told = chat_of(way, "output")
    places = {
        **asked.chat.not_learned,
        **{len(asked.chat.messages) + place: why for place, why in told.not_learned.items()},
    }
    return asked._replace(chat=LoggedChat((*asked.chat.messages, *told.messages), places)), last


def _content(message: Mapping[str, object]) -> list[object]:
    """What a message says, as blocks."""
    content = message.get("content") or message.get("parts") or []
    return content if isinstance(content, list) else [content]


def _calls(message: Mapping[str, object]) -> list[object]:
    calls = message.get("tool_calls")
    return calls if isinstance(calls, list) else []


def _has_role(value: object) -> bool:
    return isinstance(value, dict) and "role" in value


def _holds_messages(value: object) -> bool:
    """Whether a string is a message or a response written as JSON, rather than an answer."""
    return looks_like_json(value) and any(mark in str(value) for mark in _MARKS)


_MARKS = ('"role"', '"choices"', '"candidates"', '"toolName"')
