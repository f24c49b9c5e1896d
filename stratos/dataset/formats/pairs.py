"""Formats whose row is a question and its answer."""

from __future__ import annotations

from stratos.contracts.messages import Message
from stratos.dataset.formats.message_blocks import LoggedChat, chat_of
from stratos.dataset.formats.request_bodies import Asked, asked_in, prompted, with_system
from stratos.dataset.formats.response_bodies import given_answer
from stratos.dataset.formats.row import (
    Markup,
    ParsedRow,
    Row,
    RowError,
    items,
    looks_like_json,
    text,
)
from stratos.dataset.formats.tool_fields import tool_choice_of, tools_of
from stratos.spec import Columns


def prompt_row(row: Row) -> ParsedRow:
    """A prompt and a completion; either may be a list of messages."""
    prompt = row["prompt"]
    if isinstance(prompt, list):
        chat, markup = chat_of(prompt, "prompt"), None
    else:
        chat, markup = prompted(text(prompt, "prompt"))
    completion = _first(row, "completion", "response", "answer")
    if completion and _is_chat(completion):
        rest = chat_of(completion, "completion")
        moved = {place + len(chat.messages): why for place, why in rest.not_learned.items()}
        return _asked(row, LoggedChat((*chat.messages, *rest.messages), moved)).row()
    return _pair(row, chat, completion, markup)


def question_row(row: Row) -> ParsedRow:
    """A question and an answer."""
    chat = _question(row["question"], "question")
    return _pair(row, chat, _first(row, "answer", "response", "completion"))


def alpaca_row(row: Row) -> ParsedRow:
    """An instruction, what it is about in the next line, and the output; earlier turns first."""
    asked = text(row["instruction"], "instruction")
    if row.get("input"):
        asked += "\n" + text(row["input"], "input")
    messages: list[Message] = []
    for index, item in enumerate(items(row.get("history") or [], "history")):
        turn = items(item, f"history[{index}]")
        if len(turn) != 2:
            raise RowError(f"history[{index}] has {len(turn)} texts; it must have two")
        messages.append(Message(role="user", content=text(turn[0], f"history[{index}][0]")))
        messages.append(Message(role="assistant", content=text(turn[1], f"history[{index}][1]")))
    messages.append(Message(role="user", content=asked))
    return _pair(row, LoggedChat(tuple(messages)), row.get("output"))


def input_row(row: Row) -> ParsedRow:
    """An input, which may be text, messages or a request, and an output."""
    given = row["input"]
    is_text = isinstance(given, str) and not looks_like_json(given)
    asked = Asked(_question(given, "input")) if is_text else asked_in(given, "input")
    output = row.get("output")
    return asked.row() if output is None else asked.answered(given_answer(output, "output"))


def column_row(row: Row, columns: Columns) -> ParsedRow:
    """The columns that a spec names."""
    if columns.prompt not in row:
        found = ", ".join(sorted(row)[:8]) or "nothing"
        raise RowError(
            f"has no column {columns.prompt!r}, which task.columns.prompt names; found {found}"
        )
    chat = _question(row[columns.prompt], columns.prompt)
    if columns.system is not None:
        chat = with_system(chat, row.get(columns.system), columns.system)
    answer = None if columns.answer is None else row.get(columns.answer)
    return Asked(chat).answered(given_answer(answer, columns.answer or ""))


def _pair(row: Row, chat: LoggedChat, answer: object, markup: Markup | None = None) -> ParsedRow:
    return _asked(row, chat, markup).answered(given_answer(answer, "the answer"))


def _asked(row: Row, chat: LoggedChat, markup: Markup | None = None) -> Asked:
    chat = with_system(chat, row.get("system"), "system")
    return Asked(chat, tools_of(row), tool_choice_of(row), markup)


def _is_chat(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(m, dict) and "role" in m for m in value[:1])


def _question(value: object, name: str) -> LoggedChat:
    return LoggedChat((Message(role="user", content=text(value, name)),))


def _first(row: Row, *fields: str) -> object:
    for field in fields:
        if (value := row.get(field)) is not None:
            return value
    return None
