"""Logs of gateways: a request beside its response, LiteLLM, and completions that OpenAI stored."""

from __future__ import annotations

from collections.abc import Mapping

from stratos.dataset.formats.request_bodies import Asked, asked_in, asked_or_text
from stratos.dataset.formats.response_bodies import answer_of
from stratos.dataset.formats.row import (
    NO_CALL,
    LoggedAnswer,
    ParsedRow,
    Row,
    RowError,
    looks_like_json,
    name_of,
    parsed,
)
from stratos.dataset.formats.tool_fields import tool_choice_of, tools_of

_CUT, _WITHHELD = "(litellm_truncated skipped ", "redacted-by-litellm"
"""What LiteLLM puts into the middle of a long text, and in place of what it does not log."""
_BODIES = ('"choices"', '"output"', '"stop_reason"')
"""Fields of the bodies of OpenAI's Chat, its Responses and Anthropic, which answers rarely have."""
_NO_CHATS = frozenset(
    {
        "embedding", "image_generation", "image_edit", "transcription", "speech", "moderation",
        "rerank", "search", "ocr",
    }
)  # fmt: skip
"""Of LiteLLM's types of calls, without the `a` of asynchronous ones."""


def request_row(row: Row) -> ParsedRow:
    """A request, as text or as sent, and its response; a workload where one is named."""
    asked = asked_or_text(row["request"], "request")
    response = row.get("response")
    if looks_like_json(response) and '"choices"' in str(response):
        response = parsed(response, "response")
    answer = LoggedAnswer(lacks="absent") if response is None else answer_of(response, "response")
    read = asked.row() if response is None else asked.answered(answer)
    return read._replace(workload=name_of(row.get("workload_id")))


def litellm_row(row: Row) -> ParsedRow:
    """LiteLLM's standard payload, or a row of its spend logs."""
    if str(row.get("call_type")).removeprefix("a") in _NO_CHATS:
        return NO_CALL
    sent, messages = _sent(row), row.get("messages")
    if messages and messages != "{}":
        asked = asked_or_text(messages, "messages")
    elif sent:
        asked = asked_in(sent, "proxy_server_request")
    else:
        raise RowError(
            "messages is empty: LiteLLM logged no prompts; set `store_prompts_in_spend_logs: true` "
            "there"
        )
    _check_whole(asked)
    for offered in (_inside(row.get("model_parameters")), sent, row):
        if asked.tools is None:
            tools, choice = tools_of(offered), tool_choice_of(offered)
            asked = asked._replace(tools=tools, tool_choice=choice)
    read = asked.answered(_litellm_answer(row))
    conversation = name_of(row.get("session_id")) or name_of(row.get("trace_id"))
    name = name_of(row.get("request_id")) or name_of(row.get("id"))
    return read._replace(id=name, conversation=conversation)


def _sent(row: Row) -> Mapping[str, object]:
    """What a client sent to LiteLLM: spend logs have the body alone, others the request."""
    request = _inside(row.get("proxy_server_request")) or _inside(
        _inside(row.get("metadata")).get("proxy_server_request")
    )
    return _inside(request.get("body")) or request


def _check_whole(asked: Asked) -> None:
    """Check that LiteLLM left the texts as they were.

    Raises:
        RowError: it cut one, as its database does by default, or withheld one.
    """
    for place, message in enumerate(asked.chat.messages):
        if _CUT in message.content:
            raise RowError(
                f"messages[{place}] was cut by LiteLLM before it was stored; set "
                "MAX_STRING_LENGTH_PROMPT_IN_DB higher there, or log to a bucket"
            )
        if message.content == _WITHHELD:
            raise RowError(
                f"messages[{place}] is {_WITHHELD}; set `turn_off_message_logging: false` there"
            )


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
    asked = asked_or_text(listed, "messages")
    asked = asked._replace(tools=tools_of(row), tool_choice=tool_choice_of(row))
    return asked.answered(answer_of(row, "the completion"))


def _with_parts(message: object) -> object:
    """A stored message keeps its parts in a field of its own."""
    if isinstance(message, dict) and message.get("content_parts") and not message.get("content"):
        return {**message, "content": message["content_parts"]}
    return message


def _inside(value: object) -> Mapping[str, object]:
    """An object, also from JSON in a string; an empty one where there is none."""
    if looks_like_json(value):
        value = parsed(value, "a field")
    return value if isinstance(value, dict) else {}


def _litellm_answer(row: Row) -> LoggedAnswer:
    if row.get("status") == "failure" or row.get("error_str"):
        return LoggedAnswer(lacks="error")
    response = row.get("response")
    if looks_like_json(response) and any(mark in str(response) for mark in _BODIES):
        response = parsed(response, "response")
    if response is None or response in ({}, "{}"):
        return LoggedAnswer(lacks="absent")
    answer = answer_of(response, "response")
    if answer.reply is not None and _CUT in answer.reply.content:
        return LoggedAnswer(lacks="cut")
    return answer
