"""One question and its answer, as each format writes them: "2+2?" and "4"."""

from __future__ import annotations

import json
from typing import Any

from stratos.contracts.messages import Message, ToolCall
from stratos.dataset.formats.batch_files import BatchHalf
from stratos.dataset.formats.detection import read_fields
from stratos.dataset.formats.row import ParsedRow, Row
from stratos.spec import FormatName

ASKED = [{"role": "user", "content": "2+2?"}]
SAID = [*ASKED, {"role": "assistant", "content": "4"}]
ASKED_IN_BLOCKS = [{"role": "user", "content": [{"text": "2+2?"}]}]
COMPLETION = {"choices": [{"message": {"role": "assistant", "content": "4"}}]}


def log(request: Any, response: Any) -> dict[str, Any]:
    """An invocation log of Bedrock."""
    return {
        "schemaType": "ModelInvocationLog",
        "input": {"inputBodyJson": request},
        "output": {"outputBodyJson": response},
    }


ROWS: dict[FormatName, list[dict[str, Any]]] = {
    "prompt_completion": [
        {"prompt": "2+2?", "completion": "4"},
        {"prompt": "2+2?", "response": "4"},
        {"prompt": ASKED, "completion": [{"role": "assistant", "content": "4"}]},
        {"prompt": "2+2?", "completion": 4},
    ],
    "openai_chat": [
        {"messages": SAID},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "2+2?"}]}, SAID[1]]},
        {"messages": ASKED, "response": "4"},
        {"messages": ASKED, "response": COMPLETION},
        {"messages": ASKED, "answer": 4},
        {"messages": json.dumps(SAID)},
    ],
    "anthropic_messages": [
        {
            "anthropic_version": "bedrock-2023-05-31",
            "messages": ASKED,
            "response": {"role": "assistant", "content": [{"type": "text", "text": "4"}]},
        }
    ],
    "bedrock_conversation": [
        {
            "schemaVersion": "bedrock-conversation-2024",
            "messages": [*ASKED_IN_BLOCKS, {"role": "assistant", "content": [{"text": "4"}]}],
        }
    ],
    "bedrock_log": [
        log(
            {"messages": ASKED_IN_BLOCKS},
            {"output": {"message": {"role": "assistant", "content": [{"text": "4"}]}}},
        ),
        log(json.dumps({"messages": ASKED}), {"content": [{"type": "text", "text": "4"}]}),
    ],
    "bedrock_batch": [
        {
            "recordId": "1",
            "modelInput": {"messages": ASKED},
            "modelOutput": {"content": [{"type": "text", "text": "4"}], "stop_reason": "end_turn"},
        }
    ],
    "stored_completion": [
        {"object": "chat.completion", **COMPLETION, "messages": ASKED},
        {
            "object": "chat.completion",
            **COMPLETION,
            "messages": {
                "object": "list",
                "data": [
                    {"role": "user", "content_parts": [{"type": "text", "text": "2+2?"}]},
                ],
            },
        },
    ],
    "litellm": [
        {"call_type": "acompletion", "messages": ASKED, "response": COMPLETION},
        {
            "call_type": "completion",
            "messages": json.dumps(ASKED),
            "response": json.dumps(COMPLETION),
        },
    ],
    "langfuse": [
        {"traceId": "t", "type": "GENERATION", "input": ASKED, "output": SAID[1]},
        {"trace_id": "t", "input": json.dumps({"messages": ASKED}), "output": "4"},
        {"traceId": "t", "input": "2+2?", "output": json.dumps(SAID[1])},
    ],
    "request_response": [
        {"request": "2+2?", "response": "4"},
        {"request": {"model": "m", "messages": ASKED}, "response": COMPLETION},
    ],
    "sharegpt": [
        {"conversations": [{"from": "human", "value": "2+2?"}, {"from": "gpt", "value": "4"}]},
        {"conversations": SAID},
    ],
    "alpaca": [
        {"instruction": "2+2?", "input": "", "output": "4"},
    ],
    "gsm8k": [{"question": "2+2?", "answer": "4"}, {"question": "2+2?", "answer": 4}],
    "input_output": [{"input": "2+2?", "output": "4"}, {"input": ASKED, "output": 4}],
}

UNANSWERED: dict[FormatName, list[dict[str, Any]]] = {
    "prompt_completion": [{"prompt": "2+2?"}, {"prompt": ASKED, "completion": []}],
    "openai_chat": [{"messages": ASKED}],
    "bedrock_conversation": [
        {"schemaVersion": "bedrock-conversation-2024", "messages": ASKED_IN_BLOCKS}
    ],
    "bedrock_log": [
        {"schemaType": "ModelInvocationLog", "input": {"inputBodyJson": {"messages": ASKED}}},
        {
            "schemaType": "ModelInvocationLog",
            "input": {"inputBodyJson": {"inputText": "2+2?"}},
            "output": None,
        },
    ],
    "bedrock_batch": [{"recordId": "1", "modelInput": {"messages": ASKED}}],
    "litellm": [{"call_type": "acompletion", "messages": ASKED, "response": {}}],
    "langfuse": [{"traceId": "t", "input": ASKED}],
    "request_response": [
        {"request": "2+2?"},
        {"request": {"messages": ASKED}, "response": None, "workload_id": "sums"},
    ],
    "sharegpt": [{"conversations": [{"from": "human", "value": "2+2?"}]}],
    "alpaca": [{"instruction": "2+2?"}],
    "gsm8k": [{"question": "2+2?"}],
}

TOOL = {
    "name": "weather",
    "description": "Weather of a town.",
    "parameters": {"type": "object", "properties": {"town": {"type": "string"}}},
}
CALL = ToolCall(name="weather", arguments={"town": "Bonn"}, id="c1")
"""Of the tool, as every format below writes it."""


def read(row: Row, name: FormatName) -> ParsedRow:
    """A row whose format tells all of it."""
    found = read_fields(row, name)
    assert not isinstance(found, BatchHalf)
    return found


def reply_of(row: ParsedRow) -> Message:
    assert row.answer.reply is not None
    return row.answer.reply
