"""Logs of gateways and observers: a request beside its response, LiteLLM, Langfuse, and completions
that OpenAI stored."""

from __future__ import annotations

from collections.abc import Mapping

from stratos.contracts.messages import Message
from stratos.dataset.formats.message_blocks import LoggedChat
from stratos.dataset.formats.request_bodies import Asked, asked_in
from stratos.dataset.formats.response_bodies import answer_of, given_answer
from stratos.dataset.formats.row import (
    LoggedAnswer,
    ParsedRow,
    Row,
    RowError,
    looks_like_json,
    name_of,
    parsed,
)
from stratos.dataset.formats.tool_fields import tool_choice_of, tools_of

NO_CALL = ParsedRow((), LoggedAnswer(lacks="no call"))
_CALLS = frozenset({"GENERATION", "AGENT", "CHAIN", None})
"""Langfuse's types of observations that may hold a model's reply."""


def request_row(row: Row) -> ParsedRow:
    """A request, as text or as sent, and its response; a workload where one is named."""
    asked = _asked(row["request"], "request")
    response = row.get("response")
    if looks_like_json(response) and '"choices"' in str(response):
        response = parsed(response, "response")
    answer = LoggedAnswer(lacks="absent") if response is None else answer_of(response, "response")
    read = asked.row() if response is None else asked.answered(answer)
    return read._replace(workload=name_of(row.get("workload_id")))


def litellm_row(row: Row) -> ParsedRow:
    """LiteLLM's standard payload, or a row of its spend logs."""
    sent = _inside(_inside(row.get("proxy_server_request")).get("body"))
    messages = row.get("messages") or sent.get("messages") or sent.get("input")
    if not messages:
        raise RowError(
            "messages is empty: LiteLLM logged no prompts; set `store_prompts_in_spend_logs: true` "
            "there"
        )
    asked = _asked(messages, "messages")
    for offered in (_inside(row.get("model_parameters")), sent, row):
        if asked.tools is None:
            tools, choice = tools_of(offered), tool_choice_of(offered)
            asked = Asked(asked.chat, tools, choice)
    read = asked.answered(_litellm_answer(row))
    conversation = name_of(row.get("session_id")) or name_of(row.get("trace_id"))
    name = name_of(row.get("request_id")) or name_of(row.get("id"))
    return read._replace(id=name, conversation=conversation)


def langfuse_row(row: Row) -> ParsedRow:
    """An observation of Langfuse; those that call no model have nothing to learn."""
    if row.get("type") not in _CALLS:
        return NO_CALL
    if row.get("input") is None:
        return NO_CALL
    asked = _asked(row["input"], "input")
    output = row.get("output")
    if str(row.get("level")).upper() == "ERROR":
        answer = LoggedAnswer(lacks="error")
    else:
        answer = given_answer(parsed(output, "output") if _is_message(output) else output, "output")
    read = asked.answered(answer)
    fields = ("sessionId", "session_id", "traceId", "trace_id")
    names = (name_of(row.get(field)) for field in fields)
    return read._replace(conversation=next((name for name in names if name), None))


def stored_row(row: Row) -> ParsedRow:
    """A completion that OpenAI stored, with its messages, which the API lists apart."""
    messages = row.get("messages") or row.get("input")
    if isinstance(messages, dict):
        messages = messages.get("data")
    if not messages:
        raise RowError(
            "has a completion and no `messages`; the API lists them apart: put what "
            "GET /v1/chat/completions/ID/messages returns as `data` into the row as `messages`"
        )
    listed = [_with_parts(m) for m in messages] if isinstance(messages, list) else messages
    asked = _asked(listed, "messages")
    asked = Asked(asked.chat, tools_of(row), tool_choice_of(row))
    return asked.answered(answer_of(row, "the completion"))


def _with_parts(message: object) -> object:
    """A stored message keeps its parts in a field of its own."""
    if isinstance(message, dict) and message.get("content_parts") and not message.get("content"):
        return {**message, "content": message["content_parts"]}
    return message


def _asked(value: object, name: str) -> Asked:
    """A request: a text, messages, or a body; JSON of it in a string, too."""
    if isinstance(value, str):
        if not looks_like_json(value):
            return Asked(LoggedChat((Message(role="user", content=value),)))
        value = parsed(value, name)
    return asked_in(value, name)


def _inside(value: object) -> Mapping[str, object]:
    """An object, also from JSON in a string; an empty one where there is none."""
    if looks_like_json(value):
        value = parsed(value, "a field")
    return value if isinstance(value, dict) else {}


def _litellm_answer(row: Row) -> LoggedAnswer:
    if row.get("status") == "failure" or row.get("error_str"):
        return LoggedAnswer(lacks="error")
    response = row.get("response")
    if looks_like_json(response) and '"choices"' in str(response):
        response = parsed(response, "response")
    if response is None or response == {}:
        return LoggedAnswer(lacks="absent")
    return answer_of(response, "response")


def _is_message(value: object) -> bool:
    """Whether a string is a message or a response written as JSON, rather than an answer."""
    return looks_like_json(value) and ('"role"' in str(value) or '"choices"' in str(value))
