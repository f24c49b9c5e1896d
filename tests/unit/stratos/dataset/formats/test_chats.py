"""Rows that are conversations."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stratos.contracts.messages import Message, Tool
from stratos.dataset.formats.chats import chat_row, sharegpt_row
from stratos.dataset.formats.row import RowError
from tests.unit.stratos.dataset.formats.rows import ASKED, CALL, SAID, TOOL, reply_of


def test_messages_beside_a_response_keep_the_response() -> None:
    read = chat_row({"messages": [*SAID, *ASKED], "response": "5"})
    assert [m.content for m in read.messages] == ["2+2?", "4", "2+2?"]
    assert reply_of(read).content == "5"


@pytest.mark.parametrize(
    ("answer", "text"),
    [(4, "4"), (False, "false"), ({"message": "x"}, '{"message": "x"}'), ([1, 2], "[1, 2]")],
)
def test_an_answer_of_any_kind_is_read(answer: Any, text: str) -> None:
    assert reply_of(chat_row({"messages": ASKED, "answer": answer})).content == text


def test_a_system_message_beside_the_others_comes_first() -> None:
    read = chat_row({"system": "Be brief.", "messages": [*SAID, *SAID]})
    assert [m.role for m in read.messages] == ["system", "user", "assistant", "user"]


def test_weights_of_earlier_replies_are_kept() -> None:
    unlearned = {"role": "assistant", "content": "x", "weight": 0}
    read = chat_row({"system": "Be brief.", "messages": [*ASKED, unlearned, *SAID]})
    assert dict(read.not_learned) == {2: "not learned"}


def test_turns_of_sharegpt_with_calls_are_read() -> None:
    called = json.dumps({"name": "weather", "arguments": {"town": "Bonn"}})
    turns = [
        {"from": "human", "value": " Bonn?"},
        {"from": "function_call", "value": called},
        {"from": "observation", "value": "8 °C"},
        {"from": "gpt", "value": "It is 8 °C. "},
    ]
    read = sharegpt_row({"conversations": turns, "system": "S", "tools": json.dumps([TOOL])})
    call = CALL.model_copy(update={"id": None})
    assert read.tools == (Tool.model_validate(TOOL),)
    assert read.messages == (
        Message(role="system", content="S"),
        Message(role="user", content=" Bonn?"),
        Message(role="assistant", content="", tool_calls=(call,)),
        Message(role="tool", content="8 °C"),
    )
    assert reply_of(read).content == "It is 8 °C. "


@pytest.mark.parametrize(
    ("turns", "told"),
    [
        ([], "conversations is empty"),
        ([{"from": "owl", "value": "x"}], r"conversations\[0\]\.from is 'owl'"),
        ([{"from": "human"}], r"conversations\[0\]\.value is missing"),
        ([{"from": "function_call", "value": "{"}], r"\[0\]\.value is not JSON"),
    ],
)
def test_a_turn_that_cannot_be_read_is_named(turns: list[Any], told: str) -> None:
    with pytest.raises(RowError, match=told):
        sharegpt_row({"conversations": turns})
