"""Rows that are a question and its answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stratos.contracts.messages import Message, Tool
from stratos.dataset.formats.pairs import alpaca_row, column_row, input_row, prompt_row
from stratos.dataset.formats.row import LoggedAnswer, RowError
from stratos.spec import Columns
from tests.unit.stratos.dataset.formats.rows import ASKED, CALL, TOOL, reply_of

CALLED = {
    "role": "assistant",
    "tool_calls": [{"id": "c1", "function": {"name": "weather", "arguments": {"town": "Bonn"}}}],
}


def test_a_completion_of_several_messages_ends_in_the_reply() -> None:
    told = {"role": "tool", "tool_call_id": "c1", "content": "8 °C"}
    completion = [CALLED, told, {"role": "assistant", "content": "8 °C."}]
    read = prompt_row({"prompt": ASKED, "completion": completion, "tools": [TOOL]})
    assert [m.role for m in read.messages] == ["user", "assistant", "tool"]
    assert reply_of(read).content == "8 °C."
    assert read.tools == (Tool.model_validate(TOOL),)


def test_a_completion_that_is_a_call_is_one() -> None:
    read = prompt_row({"prompt": "Bonn?", "completion": [CALLED]})
    assert reply_of(read) == Message(role="assistant", content="", tool_calls=(CALL,))


@pytest.mark.parametrize(
    ("completion", "text"),
    [(4, "4"), (True, "true"), ({"role": "owner"}, '{"role": "owner"}'), (["a"], '["a"]')],
)
def test_a_completion_that_is_no_text_is_its_json(completion: Any, text: str) -> None:
    assert reply_of(prompt_row({"prompt": "a", "completion": completion})).content == text


def test_an_instruction_has_its_input_in_the_next_line_and_earlier_turns_first() -> None:
    row = {
        "system": "S",
        "instruction": "Add.",
        "input": "2, 2",
        "output": "4",
        "history": [["Hi", "Hello"]],
    }
    read = alpaca_row(row)
    assert [(m.role, m.content) for m in read.messages] == [
        ("system", "S"),
        ("user", "Hi"),
        ("assistant", "Hello"),
        ("user", "Add.\n2, 2"),
    ]
    with pytest.raises(RowError, match=r"history\[0\] has 1 texts"):
        alpaca_row({**row, "history": [["Hi"]]})


def test_an_input_may_be_a_request_with_tools() -> None:
    read = input_row({"input": {"messages": ASKED, "tools": [TOOL]}, "output": CALLED})
    assert read.tools == (Tool.model_validate(TOOL),)
    assert reply_of(read).tool_calls == (CALL,)


def test_columns_are_read_by_the_names_in_the_spec() -> None:
    columns = Columns(prompt="text", answer="label", system="rules")
    read = column_row({"text": " a ", "label": "x", "rules": "S"}, columns)
    assert [(m.role, m.content) for m in read.messages] == [("system", "S"), ("user", " a ")]
    assert reply_of(read).content == "x"
    assert column_row({"text": "a"}, columns).answer.lacks == "absent"
    with pytest.raises(
        RowError, match=r"no column 'text', which task\.columns\.prompt names; found b"
    ):
        column_row({"b": 1}, columns)


@pytest.mark.parametrize(
    "answer",
    [
        {"candidates": ["Ann", "Bob"]},
        {"candidates": [{"name": "Ann"}]},
        {"candidates": [{"content": "a letter"}]},
        {"candidates": []},
        {"choices": ["a", "b"]},
        {"content": "urgent", "finish_reason": "spring"},
        {"subject": "a", "object": "response"},
        {"object": {"name": "a"}},
        [{"toolName": "hammer"}],
    ],
)
def test_an_answer_that_is_json_stays_so_though_responses_have_fields_of_that_name(
    answer: Any,
) -> None:
    read = prompt_row({"prompt": "a", "completion": answer})
    assert json.loads(reply_of(read).content) == answer


@pytest.mark.parametrize(
    "response",
    [
        {"choices": [], "object": "chat.completion"},
        {"candidates": [], "promptFeedback": {"blockReason": "SAFETY"}},
    ],
)
def test_a_response_without_a_reply_is_no_answer(response: dict[str, Any]) -> None:
    assert prompt_row({"prompt": "a", "completion": response}).answer == LoggedAnswer(lacks="empty")
