"""Messages as OpenAI, Anthropic and Bedrock's Converse write them, whole and byte for byte.

Texts of one message are joined with nothing. Results of tools become messages of their own, before
the text that follows them. Reasoning, cache points and citations' sources are no text of a message.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from stratos.contracts.messages import Message, Role, ToolCall
from stratos.dataset.formats.row import (
    LoggedAnswer,
    NoAnswer,
    RowError,
    kind,
    mapping,
    name_of,
    value_text,
)
from stratos.dataset.formats.tool_blocks import call_in, result_in
from stratos.dataset.formats.tool_fields import openai_calls

_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "model": "assistant",
    "tool": "tool",
    "function": "tool",
}
_TEXT_TYPES = frozenset({"text", "input_text", "output_text", None})
_SILENT = frozenset(
    {
        "thinking",
        "redacted_thinking",
        "reasoning",
        "reasoningContent",
        "cachePoint",
        "cache_control",
    }
)
"""Blocks without any text that is said."""
_BLOCK_MARKS = frozenset({"type", "text", "json", "toolResult"})
_SILENT_MARKS = ("reasoningContent", "cachePoint", "thought")
"""Fields of such blocks: Converse's, and Gemini's of a text that is thinking."""

_ABSENT = LoggedAnswer(lacks="absent")


class LoggedChat(NamedTuple):
    """Messages, and the places of replies that are none to learn."""

    messages: tuple[Message, ...]
    not_learned: Mapping[int, NoAnswer] = MappingProxyType({})

    def and_answer(self) -> tuple[LoggedChat, LoggedAnswer]:
        """The chat up to its closing reply, and that reply."""
        last = len(self.messages) - 1
        if self.messages[last].role != "assistant":
            return self, _ABSENT
        before = {place: why for place, why in self.not_learned.items() if place < last}
        asked = LoggedChat(self.messages[:last], before)
        why = self.not_learned.get(last)
        return asked, LoggedAnswer(lacks=why) if why else LoggedAnswer(self.messages[last])


def chat_of(value: object, name: str) -> LoggedChat:
    """Read a list of messages.

    Raises:
        RowError: saying which message cannot be read, and why.
    """
    if not isinstance(value, list) or not value:
        raise RowError(f"{name} is {kind(value)}; it must be a list of messages")
    messages: list[Message] = []
    not_learned: dict[int, NoAnswer] = {}
    for index, item in enumerate(value):
        if (plain := _plain(item)) is not None:
            messages.append(plain)
            continue
        place = f"{name}[{index}]"
        why = _read(mapping(item, place), place, messages)
        if why is not None:
            not_learned[len(messages) - 1] = why
    return LoggedChat(tuple(messages), not_learned)


def assistant_answer(message: Mapping[str, object], name: str) -> LoggedAnswer:
    """The answer that an assistant's message is.

    Raises:
        RowError: if it cannot be read.
    """
    messages: list[Message] = []
    why = _read({**message, "role": "assistant"}, name, messages)
    return LoggedAnswer(lacks=why) if why else LoggedAnswer(messages[-1])


def text_of(value: object, name: str) -> str:
    """A string, or the texts of content blocks.

    Raises:
        RowError: if there is anything else in it.
    """
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        raise RowError(f"{name} is {kind(value)}; it must be text")
    parts = _parts(value, name)
    if parts.calls or parts.results:
        raise RowError(f"{name} has content other than text: a tool's")
    return "".join(parts.texts)


@dataclass
class _Parts:
    texts: list[str] = field(default_factory=list)
    calls: list[ToolCall] = field(default_factory=list)
    results: list[Message] = field(default_factory=list)
    refused: bool = False


def _plain(item: object) -> Message | None:
    """A text of the system or the user, of which nothing else counts; None for all else."""
    if not isinstance(item, dict):
        return None
    role, content = item.get("role"), item.get("content")
    if not isinstance(role, str) or not isinstance(content, str):
        return None
    asks = _ROLES.get(role)
    return Message(role=asks, content=content) if asks in ("user", "system") else None


def _read(said: Mapping[str, object], name: str, messages: list[Message]) -> NoAnswer | None:
    """Append a message to others; return why it is no reply to learn, if it is an assistant's."""
    role = _ROLES.get(str(said.get("role")))
    if role is None:
        raise RowError(
            f"{name}.role is {said.get('role')!r}; it must be system, user, assistant or tool"
        )
    content = said.get("content")
    if content is None and isinstance(said.get("parts"), list):
        content = said["parts"]  # of OpenTelemetry and Gemini
    elif isinstance(content, dict) and isinstance(content.get("parts"), list):
        content = content["parts"]  # of Gemini's agents
    calls: tuple[ToolCall, ...] = ()
    refused = False
    if isinstance(content, str):
        told = content
    elif content is None and role in ("assistant", "tool"):
        told = ""
    elif role == "tool" and _is_data(content):
        told = value_text(content)
    else:
        parts = _parts(_blocks(content, f"{name}.content"), f"{name}.content")
        calls, refused, told = tuple(parts.calls), parts.refused, "".join(parts.texts)
        messages.extend(parts.results)
        if parts.results and not parts.texts and role != "assistant":
            return None
        if role == "tool" and calls:
            role = "assistant"  # who else calls? Koog puts a tool's name to both
    if role == "tool":
        call_id, tool = name_of(said.get("tool_call_id")), name_of(said.get("name"))
        messages.append(Message(role=role, content=told, tool_call_id=call_id, name=tool))
        return None
    if role != "assistant":
        messages.append(Message(role=role, content=told))
        return None
    calls += openai_calls(said, name)
    messages.append(Message(role=role, content=told, tool_calls=calls or None))
    if said.get("weight") == 0:
        return "not learned"
    if refused or said.get("refusal"):
        return "refused"
    return None if told.strip() or calls else "empty"


def _is_data(content: object) -> bool:
    """Whether a tool's answer is JSON, and no blocks of content."""
    if isinstance(content, list):
        return bool(content) and not any(
            isinstance(one, str) or (isinstance(one, dict) and one.keys() & _BLOCK_MARKS)
            for one in content
        )
    return isinstance(content, dict)


def _blocks(content: object, name: str) -> list[object]:
    if not isinstance(content, list):
        raise RowError(f"{name} is {kind(content)}; it must be text")
    return content


def _parts(blocks: Iterable[object], name: str) -> _Parts:
    parts, others = _Parts(), []
    for index, item in enumerate(blocks):
        if isinstance(item, str):
            parts.texts.append(item)
            continue
        block = mapping(item, f"{name}[{index}]")
        if not _add(block, f"{name}[{index}]", parts):
            others.append(str(block.get("type") or next(iter(block), "?")))
    if others:
        told = ", ".join(sorted(set(others)))
        raise RowError(f"{name} has content other than text: {told}")
    return parts


def _add(block: Mapping[str, object], name: str, parts: _Parts) -> bool:
    """Add a block to the parts of its message; False if it is of an unknown kind."""
    type_ = block.get("type")
    if not isinstance(type_, str | None):
        return False
    if type_ in _SILENT or any(block.get(mark) for mark in _SILENT_MARKS):
        pass
    elif isinstance(block.get("text"), str) and type_ in _TEXT_TYPES:
        parts.texts.append(str(block["text"]))
    elif type_ == "text" and isinstance(block.get("content"), str):
        parts.texts.append(str(block["content"]))  # of OpenTelemetry
    elif type_ == "refusal":
        parts.refused = True
        parts.texts.append(str(block.get("refusal") or ""))
    elif (called := call_in(block, name)) is not None:
        parts.calls.append(called)
    elif (result := result_in(block, name)) is not None:
        parts.results.append(result)
    elif "guardContent" in block:
        guarded = mapping(block["guardContent"], f"{name}.guardContent").get("text")
        inner = mapping(guarded, f"{name}.guardContent.text")
        parts.texts.append(text_of(inner.get("text"), f"{name}.guardContent.text.text"))
    elif "citationsContent" in block:
        cited = mapping(block["citationsContent"], f"{name}.citationsContent")
        parts.texts.append(text_of(cited.get("content"), f"{name}.citationsContent.content"))
    else:
        return False
    return True
