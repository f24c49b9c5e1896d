"""Each dataset format becomes the same record."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from stratos.dataset.formats.detection import FORMATS, detect_format
from stratos.dataset.formats.row import RowError
from stratos.spec import FormatName
from tests.unit.stratos.dataset.formats.rows import ROWS, UNANSWERED, read, reply_of


@pytest.mark.parametrize(
    ("name", "row"), [(name, row) for name, rows in UNANSWERED.items() for row in rows]
)
def test_a_row_without_an_assistant_turn_asks_the_same(
    name: FormatName, row: dict[str, Any]
) -> None:
    assert detect_format(row) == name
    example = read(row, name)
    assert [(m.role, m.content) for m in example.messages] == [("user", "2+2?")]
    assert example.answer.lacks == "absent"


@pytest.mark.parametrize(
    ("name", "row"), [(name, row) for name, rows in ROWS.items() for row in rows]
)
def test_a_row_is_recognised_and_read(name: FormatName, row: dict[str, Any]) -> None:
    assert detect_format(row) == name
    example = read(row, name)
    assert [(m.role, m.content) for m in example.messages] == [("user", "2+2?")]
    assert reply_of(example).content == "4"


def test_system_prompts_come_first() -> None:
    row = {
        "schemaVersion": "bedrock-conversation-2024",
        "system": [{"text": "Be brief."}],
        "messages": [{"role": "user", "content": [{"text": "Hi"}]}],
    }
    example = read(row, "bedrock_conversation")
    assert [m.role for m in example.messages] == ["system", "user"]
    assert example.answer.reply is None


def test_a_workload_is_kept() -> None:
    row = {"request": "a", "response": "b", "workload_id": "billing"}
    assert read(row, "request_response").workload == "billing"


@pytest.mark.parametrize(
    ("row", "name", "message"),
    [
        ({"x": 1}, "gsm8k", "no field 'question'"),
        ({"prompt": 5}, "prompt_completion", "prompt is a number; it must be text"),
        ({"messages": []}, "openai_chat", "must be a list of messages"),
        ({"messages": [{"role": "judge", "content": "x"}]}, "openai_chat", "role is 'judge'"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            "openai_chat",
            "content other than text: image_url",
        ),
        ({"schemaType": "x", "input": {}}, "bedrock_log", "input.inputBodyJson is missing"),
        ({"call_type": "completion", "messages": {}}, "litellm", "store_prompts_in_spend_logs"),
        ({"choices": [], "object": "x"}, "stored_completion", "the API lists them apart"),
        (
            {"request": "a", "response": {"told": "x"}},
            "request_response",
            "response has no reply in it; found told",
        ),
    ],
)
def test_a_bad_row_says_what_is_wrong(row: dict[str, Any], name: FormatName, message: str) -> None:
    with pytest.raises(RowError, match=message):
        read(row, name)


@pytest.mark.parametrize(
    ("row", "hint"),
    [
        ({"text": "x", "label": "y"}, "columns: {prompt: text, answer: label}"),
        ({"object": "list", "data": []}, "jq -c '.data\\[\\]'"),
        ({"contents": []}, "jq -c '{messages: "),
        ({"a": "x"}, "jq -c '{prompt: .FIELD, completion: .FIELD}'"),
    ],
)
def test_an_unknown_row_is_told_the_formats_and_how_to_become_one(
    row: dict[str, Any], hint: str
) -> None:
    with pytest.raises(RowError, match=f"gsm8k: question; .*prompt_completion: prompt.*{hint}"):
        detect_format(row)


CHOSEN = [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"}]


@pytest.mark.parametrize("chosen", ["4", CHOSEN], ids=["text", "messages"])
def test_a_preference_is_refused_with_how_to_learn_what_was_chosen(chosen: object) -> None:
    row = {"prompt": "2+2?", "chosen": chosen, "rejected": "5"}
    with pytest.raises(RowError, match=r"two answers.*jq -c 'if \(\.chosen"):
        detect_format(row)
    assert detect_format({**row, "completion": "4"}) == "prompt_completion"


def test_a_question_with_choices_is_no_stored_completion() -> None:
    assert detect_format({"question": "2+2?", "choices": ["3", "4"], "answer": 1}) == "gsm8k"


def test_every_format_of_the_spec_but_columns_is_told_by_fields() -> None:
    assert set(FORMATS) == set(get_args(FormatName)) - {"columns"}
