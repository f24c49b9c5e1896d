"""What is counted of a record, kept beside it: the records are read a second time without parsing.

Whether a record is kept is known only once all of them were read.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from pydantic_core import from_json, to_json

from stratos.contracts.records import Record
from stratos.dataset.tool_texts import RecordTexts

_SHAPES = 256
"""Shapes that are kept as written and as read: most records have one of a few."""

_TELLING_BYTES = 32
"""Of a question, that hardly stand elsewhere in its record."""


class Shape(NamedTuple):
    """What a record has, besides its texts."""

    num_messages: int
    is_of_several_turns: bool
    has_system: bool
    has_reply: bool
    has_group: bool
    workload: str | None
    tools: tuple[str, ...]
    """Their names."""
    called: tuple[str, ...]
    """Names of the tools that the reply calls."""


class Facts(NamedTuple):
    """Where the question stands in a record's line, lengths in characters, and the shape."""

    question_start: int
    question_end: int
    prompt_length: int
    """Tools included."""
    gold_length: int | None
    shape: Shape

    def written(self) -> bytes:
        """The facts as text, in which no tab and no line break stands."""
        gold = -1 if self.gold_length is None else self.gold_length
        numbers = self.question_start, self.question_end, self.prompt_length, gold
        return b"%d %d %d %d %b" % (*numbers, _written(self.shape))

    @classmethod
    def read(cls, written: bytes) -> Facts:
        """The facts that were written."""
        start, end, prompt, gold, shape = written.split(b" ", 4)
        gold_length = None if gold == b"-1" else int(gold)
        return cls(int(start), int(end), int(prompt), gold_length, _read(shape))

    def question(self, line: bytes) -> str:
        """The question of the record that a line holds."""
        question: str = from_json(line[self.question_start : self.question_end])
        return question


def facts_of(record: Record, line: bytes, texts: RecordTexts) -> Facts:
    """The facts of a record.

    Args:
        line: What holds the record.
    """
    messages, tools, reply = record.messages, record.tools, record.reply
    prompt = 0
    for said, calls in zip(messages, texts.calls, strict=True):
        prompt += len(said.content) if calls is None else len(said.content) + len(calls)
    names: tuple[str, ...] = ()
    called: tuple[str, ...] = ()
    if tools and texts.tools is not None:
        prompt += len(texts.tools) - (len(tools) - 1)  # without its line breaks
        names = tuple([tool.name for tool in tools])
    if reply is not None and reply.tool_calls:
        called = tuple([call.name for call in reply.tool_calls])
    several = has_system = False
    if len(messages) > 1:
        roles = [said.role for said in messages]
        several, has_system = roles.count("user") > 1, "system" in roles
    has_reply, has_group = reply is not None, record.group is not None
    shape = Shape(
        len(messages), several, has_system, has_reply, has_group, record.workload, names, called
    )
    gold_length = None if record.gold is None else len(record.gold)
    question = to_json(record.question)
    start = _place(question, line)
    return Facts(start, start + len(question), prompt, gold_length, shape)


def _place(question: bytes, line: bytes) -> int:
    """Where a question stands in the line of its record: wherever these bytes do.

    To look for all of a long one takes several times longer than to compare it once.
    """
    start = line.find(question[:_TELLING_BYTES])
    return start if line.startswith(question, start) else line.index(question)


@lru_cache(_SHAPES)
def _written(shape: Shape) -> bytes:
    return to_json(shape)


@lru_cache(_SHAPES)
def _read(written: bytes) -> Shape:
    *fields, tools, called = from_json(written)
    return Shape._make([*fields, tuple(tools), tuple(called)])
