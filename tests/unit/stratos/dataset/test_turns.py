"""Which replies of a conversation are learned, and how much goes before them."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos.contracts.messages import Message, ToolCall
from stratos.dataset.formats.chats import chat_row
from stratos.dataset.formats.row import RowError
from stratos.dataset.turns import LearnedTurn, Passed, length, shortened, turns_of


def learned(says: str, learn: Literal["last", "all"], **row: Any) -> list[str]:
    """What is learned of a conversation, as letters.

    A small letter is a user's, a capital an assistant's; one with a 0 after it has no weight.
    """
    messages: list[dict[str, Any]] = []
    for letter in says:
        if letter == "0":
            messages[-1]["weight"] = 0
        else:
            role = "user" if letter.islower() else "assistant"
            messages.append({"role": role, "content": letter})
    found = []
    for turn in turns_of(chat_row({"messages": messages, **row}), learn):
        if isinstance(turn, Passed):
            found.append(f"({turn.why})")
        else:
            reply = turn.answer.reply.content if turn.answer.reply else turn.answer.lacks
            found.append("".join(m.content for m in turn.messages) + f">{reply}")
    return found


@pytest.mark.parametrize(
    ("says", "last", "all_"),
    [
        ("aA", ["a>A"], ["a>A"]),
        ("aAbB", ["aAb>B"], ["a>A", "aAb>B"]),
        ("aA0bB", ["aAb>B"], ["(not learned)", "aAb>B"]),
        ("aAbB0", ["a>A"], ["a>A", "(not learned)"]),
        ("aA0", ["(not learned)"], ["(not learned)"]),
        ("aA0bB0", ["(not learned)"], ["(not learned)", "(not learned)"]),
        ("aAb", ["aAb>absent"], ["a>A", "aAb>absent"]),
        ("XaA", ["Xa>A"], ["Xa>A"]),
        ("aABbC", ["aABb>C"], ["a>A", "aABb>C"]),
    ],
)
def test_the_last_or_every_reply_is_learned_unless_it_has_no_weight(
    says: str, last: list[str], all_: list[str]
) -> None:
    assert learned(says, "last") == last
    assert learned(says, "all") == all_


@pytest.mark.parametrize(("says", "told"), [("A", "asks nothing"), ("aAB", "follows another")])
def test_a_reply_to_nothing_is_a_bad_row(says: str, told: str) -> None:
    with pytest.raises(RowError, match=told):
        learned(says, "last")


def test_a_call_and_the_reply_after_it_are_two_turns() -> None:
    call = {"id": "c", "function": {"name": "f", "arguments": "{}"}}
    messages = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "b"},
        {"role": "assistant", "content": "C"},
    ]
    first, second = turns_of(chat_row({"messages": messages}), "all")
    assert isinstance(first, LearnedTurn)
    assert isinstance(second, LearnedTurn)
    assert first.answer.reply == Message(
        role="assistant", content="", tool_calls=(ToolCall(name="f", id="c"),)
    )
    assert [m.role for m in second.messages] == ["user", "assistant", "tool"]
    assert (first.number, second.number) == (1, 2)


def said(letters: str) -> tuple[Message, ...]:
    roles: dict[str, Any] = {"s": "system", "u": "user", "a": "assistant", "t": "tool"}
    return tuple(Message(role=roles[letter], content="0123456789") for letter in letters)


@pytest.mark.parametrize(
    ("before", "most", "after"),
    [
        ("suauau", 40, "suauau"),
        ("suauau", 39, "suau"),
        ("suauau", 19, "su"),
        ("uatatauau", 80, "uatatauau"),
        ("uatatauau", 79, "uau"),
        ("suatau", 0, "su"),
        ("suata", 0, "suata"),
        ("su", 0, "su"),
    ],
)
def test_a_history_is_cut_from_its_beginning_by_whole_turns(
    before: str, most: int, after: str
) -> None:
    assert shortened(said(before), most) == said(after)


@given(st.text("uat", min_size=1).filter(lambda roles: "u" in roles), st.integers(0, 100))
def test_what_is_left_of_a_history_fits_and_begins_with_a_user(roles: str, most: int) -> None:
    messages = said(f"s{roles}")
    kept = shortened(messages, most)
    last = max(i for i, m in enumerate(kept) if m.role == "user")
    assert kept[last:] == messages[max(i for i, m in enumerate(messages) if m.role == "user") :]
    if kept != messages:
        assert sum(map(length, kept[1:last])) <= most
        assert (kept[0].role, kept[1].role) == ("system", "user")
