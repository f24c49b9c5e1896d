"""A row as logged, and as read: what is asked, and what was answered or why nothing was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Literal, NamedTuple

from pydantic_core import from_json

from stratos.contracts.messages import Message, Tool, ToolChoice

Row = Mapping[str, object]
LABELS, LONGEST_LABEL = 256, 100
"""Answers that are remembered, and their most characters: most datasets have a few labels."""

NoAnswer = Literal[
    "absent", "error", "guardrail", "cut", "refused", "empty", "calls only", "not learned",
    "no call",
]  # fmt: skip
"""Why a row has no answer to learn.

absent: nothing was logged. error: the call failed. guardrail: a guardrail intervened. cut: the
reply ended at its most tokens. refused: the model or a filter refused. empty: a reply without text
and calls, or with its thinking alone. calls only: it calls tools, and the verifier judges text.
not learned: it has `weight: 0`. no call: the row logs something else than a model's reply to a
question, such as a span or an embedding.
"""

Markup = Literal["turns", "left"]
"""What became of a prompt in a model's own markup: its turns, or one message as it stands."""


class RowError(ValueError):
    """A row does not fit its format."""


class LoggedAnswer(NamedTuple):
    """What was answered: a reply, or why there is none."""

    reply: Message | None = None
    lacks: NoAnswer | None = None


class ParsedRow(NamedTuple):
    """A row as read: the messages up to the closing reply, and the reply.

    Attributes:
        not_learned: Places in `messages` of replies that are none to learn, and why.
        id: The log's own name of the row.
        conversation: What the log calls the conversation that the row belongs to.
        markup: None where the prompt is in no model's markup.
    """

    messages: tuple[Message, ...]
    answer: LoggedAnswer
    tools: tuple[Tool, ...] | None = None
    tool_choice: ToolChoice | None = None
    not_learned: Mapping[int, NoAnswer] = MappingProxyType({})
    workload: str | None = None
    id: str | None = None
    conversation: str | None = None
    markup: Markup | None = None


NO_CALL = ParsedRow((), LoggedAnswer(lacks="no call"))
"""A row that logs no call of a model."""


def said(text: str) -> LoggedAnswer:
    """The answer that a text is."""
    return (_said_before if len(text) <= LONGEST_LABEL else _said)(text)


def _said(text: str) -> LoggedAnswer:
    if not text.strip():
        return LoggedAnswer(lacks="empty")
    return LoggedAnswer(Message(role="assistant", content=text))


_said_before = lru_cache(LABELS)(_said)


def mapping(value: object, name: str) -> dict[str, object]:
    """An object.

    Raises:
        RowError: if it is none.
    """
    if not isinstance(value, dict):
        raise RowError(f"{name} is {kind(value)}; it must be an object")
    return value


def items(value: object, name: str) -> list[object]:
    """A list.

    Raises:
        RowError: if it is none.
    """
    if not isinstance(value, list):
        raise RowError(f"{name} is {kind(value)}; it must be a list")
    return value


def text(value: object, name: str) -> str:
    """A string.

    Raises:
        RowError: if it is none.
    """
    if not isinstance(value, str):
        raise RowError(f"{name} is {kind(value)}; it must be text")
    return value


def value_text(value: object) -> str:
    """An answer as text: itself, or a number, a truth value, a list or an object as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def name_of(value: object) -> str | None:
    """An id, where it is text or a whole number that says something."""
    if isinstance(value, str):
        return value or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def parsed(value: object, name: str) -> object:
    """JSON in a string, as exports and columns hold it; any other value as it is.

    Raises:
        RowError: if the string is not JSON.
    """
    return read_json(value, name) if isinstance(value, str) else value


def looks_like_json(value: object) -> bool:
    """Whether a string may be an object or a list written as JSON."""
    return isinstance(value, str) and value.lstrip()[:1] in ("{", "[")


def json_value(content: str | bytes, name: str) -> object:
    """Parse JSON as `json` does, five times as fast.

    pydantic's parser reads nothing otherwise than `json`, but refuses more: lone surrogates, deep
    nesting.

    Raises:
        RowError: if it holds half of a surrogate pair, which no text may.
        ValueError: as `json.loads` does.
        RecursionError: if it is nested too deeply.
    """
    try:
        return from_json(content)
    except ValueError:
        value = json.loads(content if isinstance(content, str) else content.decode("utf-8"))
    check_text(content, value, name)
    return value


def read_json(content: str | bytes, name: str) -> object:
    """Parse JSON.

    Raises:
        RowError: if it is none, or holds half of a surrogate pair, which no text may.
    """
    try:
        return json_value(content, name)
    except RowError:
        raise
    except json.JSONDecodeError as error:
        raise RowError(f"{name} is not JSON: {error.msg} at column {error.colno}") from error
    except (RecursionError, ValueError) as error:
        raise RowError(f"{name} is not JSON that can be read: {error}") from error


def check_text(content: str | bytes, value: object, name: str) -> None:
    """Check that what was parsed can be written again: a lone surrogate cannot.

    Only an escape can make one, so that values without escapes cost one search.

    Raises:
        RowError: naming the half that has no other half.
    """
    if isinstance(content, bytes):
        escaped = b"\\ud" in content or b"\\uD" in content
    else:
        escaped = "\\ud" in content or "\\uD" in content
    if not escaped:
        return
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        half = f"\\u{ord(error.object[error.start]):04x}"
        raise RowError(
            f"{name} has {half}, half of a surrogate pair, without its other half; write the whole "
            "character, or leave it out"
        ) from error


def kind(value: object) -> str:
    """What a value is, in words."""
    names = {type(None): "missing", dict: "an object", list: "a list", bool: "true or false"}
    return names.get(type(value), "a number" if isinstance(value, int | float) else "text")
