"""Each dataset format becomes the same record."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stratos.dataset.formats import RowError, detect_format, read_row
from stratos.spec import FormatName

ROWS: dict[FormatName, list[dict[str, Any]]] = {
    "prompt_completion": [
        {"prompt": "2+2?", "completion": "4"},
        {
            "prompt": [{"role": "user", "content": "2+2?"}],
            "completion": [{"role": "assistant", "content": "4"}],
        },
    ],
    "openai_chat": [
        {
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "2+2?"}]},
                {"role": "assistant", "content": "4"},
            ]
        }
    ],
    "bedrock_conversation": [
        {
            "schemaVersion": "bedrock-conversation-2024",
            "messages": [
                {"role": "user", "content": [{"text": "2+2?"}]},
                {"role": "assistant", "content": [{"text": "4"}]},
            ],
        }
    ],
    "bedrock_log": [
        {
            "schemaType": "ModelInvocationLog",
            "operation": "Converse",
            "input": {
                "inputBodyJson": {"messages": [{"role": "user", "content": [{"text": "2+2?"}]}]}
            },
            "output": {
                "outputBodyJson": {
                    "output": {"message": {"role": "assistant", "content": [{"text": "4"}]}}
                }
            },
        },
        {
            "schemaType": "ModelInvocationLog",
            "operation": "InvokeModel",
            "input": {
                "inputBodyJson": json.dumps({"messages": [{"role": "user", "content": "2+2?"}]})
            },
            "output": {"outputBodyJson": {"content": [{"type": "text", "text": "4"}]}},
        },
    ],
    "request_response": [
        {"request": "2+2?", "response": "4"},
        {
            "request": {"model": "m", "messages": [{"role": "user", "content": "2+2?"}]},
            "response": {"choices": [{"message": {"role": "assistant", "content": "4"}}]},
        },
    ],
    "gsm8k": [{"question": "2+2?", "answer": "4"}],
}

ASKED = [{"role": "user", "content": "2+2?"}]
UNANSWERED: dict[FormatName, list[dict[str, Any]]] = {
    "prompt_completion": [{"prompt": "2+2?"}, {"prompt": ASKED, "completion": []}],
    "openai_chat": [{"messages": ASKED}],
    "bedrock_conversation": [
        {
            "schemaVersion": "bedrock-conversation-2024",
            "messages": [{"role": "user", "content": [{"text": "2+2?"}]}],
        }
    ],
    "bedrock_log": [
        {"schemaType": "ModelInvocationLog", "input": {"inputBodyJson": {"messages": ASKED}}},
        {
            "schemaType": "ModelInvocationLog",
            "input": {"inputBodyJson": {"inputText": "2+2?"}},
            "output": None,
        },
    ],
    "request_response": [
        {"request": "2+2?"},
        {"request": {"messages": ASKED}, "response": None, "workload_id": "sums"},
    ],
    "gsm8k": [{"question": "2+2?"}],
}


@pytest.mark.parametrize(
    ("name", "row"), [(name, row) for name, rows in UNANSWERED.items() for row in rows]
)
def test_a_row_without_an_assistant_turn_asks_the_same(
    name: FormatName, row: dict[str, Any]
) -> None:
    assert detect_format(row) == name
    example = read_row(row, name)
    assert [(m.role, m.content) for m in example.messages] == [("user", "2+2?")]
    assert example.reply is None


@pytest.mark.parametrize(
    ("name", "row"), [(name, row) for name, rows in ROWS.items() for row in rows]
)
def test_a_row_is_recognised_and_read(name: FormatName, row: dict[str, Any]) -> None:
    assert detect_format(row) == name
    example = read_row(row, name)
    assert [(m.role, m.content) for m in example.messages] == [("user", "2+2?")]
    assert example.reply == "4"


def test_system_prompts_come_first() -> None:
    row = {
        "schemaVersion": "bedrock-conversation-2024",
        "system": [{"text": "Be brief."}],
        "messages": [{"role": "user", "content": [{"text": "Hi"}]}],
    }
    example = read_row(row, "bedrock_conversation")
    assert [m.role for m in example.messages] == ["system", "user"]
    assert example.reply is None


def test_a_workload_is_kept() -> None:
    row = {"request": "a", "response": "b", "workload_id": "billing"}
    assert read_row(row, "request_response").workload == "billing"


@pytest.mark.parametrize(
    ("row", "name", "message"),
    [
        ({"x": 1}, "gsm8k", "no field 'question'"),
        ({"prompt": 5}, "prompt_completion", "prompt is a number; it must be text"),
        ({"prompt": "  "}, "prompt_completion", "asks nothing"),
        ({"messages": []}, "openai_chat", "must be a list of messages"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "openai_chat", "role is 'tool'"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            "openai_chat",
            "content other than text: image_url",
        ),
        ({"schemaType": "x", "input": {}}, "bedrock_log", "input.inputBodyJson is missing"),
        (
            {"request": "a", "response": {"error": "x"}},
            "request_response",
            "the response has no reply",
        ),
    ],
)
def test_a_bad_row_says_what_is_wrong(row: dict[str, Any], name: FormatName, message: str) -> None:
    with pytest.raises(RowError, match=message):
        read_row(row, name)


def test_an_unknown_row_lists_the_formats() -> None:
    with pytest.raises(RowError, match="gsm8k: question; prompt_completion: prompt"):
        detect_format({"text": "x"})
