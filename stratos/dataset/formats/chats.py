"""Formats whose row is a conversation: OpenAI's, Anthropic's, Bedrock's, and ShareGPT's."""

from __future__ import annotations

from collections.abc import Mapping

from stratos.contracts.messages import Message, Role
from stratos.dataset.formats.message_blocks import LoggedChat, chat_of
from stratos.dataset.formats.request_bodies import Asked, asked_in, with_system
from stratos.dataset.formats.response_bodies import answer_of, given_answer
from stratos.dataset.formats.row import (
    NoAnswer,
    ParsedRow,
    Row,
    RowError,
    items,
    mapping,
    parsed,
    text,
)
from stratos.dataset.formats.tool_fields import call, tools_of

_ANSWERS = ("completion", "answer", "output", "gold")
"""Where a row may hold its answer beside the conversation; a `response` is one as logged."""

_SHAREGPT_ROLES: dict[str, Role] = {
    "human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant",
    "chatgpt": "assistant", "bard": "assistant", "bing": "assistant", "model": "assistant",
    "system": "system", "tool": "tool", "observation": "tool", "function_response": "tool",
    "function_call": "assistant",
}  # fmt: skip


def chat_row(row: Row) -> ParsedRow:
    """A row of messages. What answers them may stand beside them."""
    asked = asked_in(dict(row), "")
    if row.get("response") is not None:
        return asked.answered(answer_of(row["response"], "response"))
    for field in _ANSWERS:
        if row.get(field) is not None:
            return asked.answered(given_answer(row[field], field))
    return asked.row()


def sharegpt_row(row: Row) -> ParsedRow:
    """A list of turns with `from` and `value`; LLaMA-Factory's calls and observations, too."""
    turns = items(parsed(row["conversations"], "conversations"), "conversations")
    if turns and isinstance(turns[0], dict) and "role" in turns[0]:
        chat = chat_of(turns, "conversations")
    else:
        chat = _sharegpt_chat(turns)
    if not chat.messages:
        raise RowError("conversations is empty; it must be a list of turns")
    return Asked(with_system(chat, row.get("system") or None, "system"), tools_of(row)).row()


def _sharegpt_chat(turns: list[object]) -> LoggedChat:
    messages: list[Message] = []
    not_learned: dict[int, NoAnswer] = {}
    for index, item in enumerate(turns):
        name = f"conversations[{index}]"
        turn = mapping(item, name)
        source = turn.get("from")
        role = _SHAREGPT_ROLES.get(str(source))
        if role is None:
            raise RowError(f"{name}.from is {source!r}; it must be system, human, gpt or tool")
        value = text(turn.get("value"), f"{name}.value")
        if source == "function_call":
            messages.append(_calls(value, name))
        else:
            messages.append(Message(role=role, content=value))
        if role == "assistant":
            if turn.get("weight") == 0:
                not_learned[index] = "not learned"
            elif source != "function_call" and not value.strip():
                not_learned[index] = "empty"
    return LoggedChat(tuple(messages), not_learned)


def _calls(value: str, name: str) -> Message:
    """A turn of calls: JSON of one, or a list of several."""
    told = parsed(value, f"{name}.value")
    listed = told if isinstance(told, list) else [told]
    calls = []
    for item in listed:
        one: Mapping[str, object] = mapping(item, f"{name}.value")
        calls.append(call(one.get("name"), one.get("arguments"), f"{name}.value"))
    return Message(role="assistant", content="", tool_calls=tuple(calls))
