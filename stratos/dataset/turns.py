"""The replies of a conversation that are learned, each with what was said before it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from stratos.contracts.messages import Message, calls_text
from stratos.dataset.formats.row import LoggedAnswer, NoAnswer, ParsedRow, RowError


class LearnedTurn(NamedTuple):
    """A reply to learn, or a question that has none.

    Attributes:
        number: Of the reply in its conversation, from 1.
    """

    messages: tuple[Message, ...]
    answer: LoggedAnswer
    number: int


@dataclass(frozen=True)
class Passed:
    """A reply that is no record, and why."""

    why: NoAnswer


def turns_of(row: ParsedRow, learn: Literal["last", "all"]) -> list[LearnedTurn | Passed]:
    """The turns of a row that become records, in their order.

    `last` is the closing reply; where that has `weight: 0`, the last one before that may be
    learned. A reply to nothing that a user said is none to learn.

    Raises:
        RowError: if nothing is asked, or the closing reply answers another reply.
    """
    if row.answer.lacks == "no call":
        return [Passed("no call")]
    check_asked(row.messages)
    earlier = [place for place, said in enumerate(row.messages) if said.role == "assistant"]
    closing = LearnedTurn(row.messages, row.answer, len(earlier) + 1)
    not_closing = row.answer.lacks == "not learned"
    if learn == "last" and not not_closing:
        return [closing]
    turns: list[LearnedTurn | Passed] = list(_earlier(row, earlier))
    if learn == "last":
        turns = [turn for turn in turns if isinstance(turn, LearnedTurn)]
        del turns[:-1]
    if not not_closing:
        turns.append(closing)
    elif learn == "all" or not turns:
        turns.append(Passed("not learned"))
    return turns


def check_asked(messages: tuple[Message, ...]) -> None:
    """Check that a reply to these messages answers a user.

    Raises:
        RowError: if it does not.
    """
    for said in messages:
        if said.role == "user" and said.content.strip():
            break
    else:
        raise RowError("asks nothing: no user message has any text")
    if messages[-1].role == "assistant":
        raise RowError(
            "the reply follows another reply; a reply must follow a user's or a tool's message"
        )


def _earlier(row: ParsedRow, places: list[int]) -> Iterator[LearnedTurn | Passed]:
    for number, place in enumerate(places, start=1):
        if (why := row.not_learned.get(place)) is not None:
            yield Passed(why)
            continue
        before = row.messages[:place]
        try:
            check_asked(before)
        except RowError:
            continue
        yield LearnedTurn(before, LoggedAnswer(row.messages[place]), number)


def shortened(messages: tuple[Message, ...], most: int) -> tuple[Message, ...]:
    """Messages whose history has at most so many characters.

    The history lies between the leading system messages and the last user message. What is cut is
    cut from its beginning, and the rest begins with a user's message, so that no reply stands
    without its question and no tool's answer without its call.
    """
    if len(messages) < 3 or sum(map(length, messages)) <= most:
        return messages
    first = next((i for i, said in enumerate(messages) if said.role != "system"), 0)
    last = max(i for i, said in enumerate(messages) if said.role == "user")
    characters = sum(map(length, messages[first:last]))
    if characters <= most:
        return messages
    start = first
    while start < last and (characters > most or messages[start].role != "user"):
        characters -= length(messages[start])
        start += 1
    return (*messages[:first], *messages[start:])


def length(said: Message) -> int:
    """Characters of a message, its calls included."""
    return len(said.content) + (len(calls_text(said.tool_calls)) if said.tool_calls else 0)
