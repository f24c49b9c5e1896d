"""Blocks that are calls, or what tools answered."""

from __future__ import annotations

from typing import Any

import pytest

from stratos.contracts.messages import Message
from stratos.dataset.formats.row import RowError
from stratos.dataset.formats.tool_blocks import call_in, result_in
from tests.unit.stratos.dataset.formats.rows import CALL

ARGUMENTS = CALL.arguments


@pytest.mark.parametrize(
    "block",
    [
        {"type": "tool_use", "id": "c1", "name": CALL.name, "input": ARGUMENTS},
        {"toolUse": {"toolUseId": "c1", "name": CALL.name, "input": ARGUMENTS}},
        {"type": "tool_call", "id": "c1", "name": CALL.name, "arguments": ARGUMENTS},
        {"type": "tool-call", "toolCallId": "c1", "toolName": CALL.name, "args": ARGUMENTS},
        {"functionCall": {"id": "c1", "name": CALL.name, "args": ARGUMENTS}},
        {"type": "function", "id": "c1", "function": {"name": CALL.name, "arguments": ARGUMENTS}},
        {"type": "function_call", "id": "f", "call_id": "c1", "name": CALL.name,
         "arguments": ARGUMENTS},
    ],
    ids=["Anthropic", "Converse", "OpenTelemetry", "AI SDK", "Gemini", "Koog", "Responses"],
)  # fmt: skip
def test_a_call_is_the_same_in_each_providers_words(block: dict[str, Any]) -> None:
    assert call_in(block, "a block") == CALL
    assert result_in(block, "a block") is None


@pytest.mark.parametrize(
    ("block", "told"),
    [
        ({"type": "tool_result", "tool_use_id": "c1", "content": "sun"}, "sun"),
        ({"type": "tool_result", "tool_use_id": "c1",
          "content": [{"type": "text", "text": "s"}, {"type": "text", "text": "un"}]}, "sun"),
        ({"toolResult": {"toolUseId": "c1", "content": [{"json": {"a": 1}}]}}, '{"a": 1}'),
        ({"type": "tool_call_response", "id": "c1", "response": "sun"}, "sun"),
        ({"type": "tool_call_response", "id": "c1", "result": [1]}, "[1]"),
        ({"type": "tool-result", "toolCallId": "c1", "output": {"type": "json", "value": [1]}},
         "[1]"),
        ({"type": "tool-result", "toolCallId": "c1", "result": {"sky": "sun"}}, '{"sky": "sun"}'),
        ({"function_response": {"id": "c1", "response": {"sky": "sun"}}}, '{"sky": "sun"}'),
        ({"type": "tool_result", "tool_use_id": "c1"}, ""),
    ],
)  # fmt: skip
def test_what_a_tool_answered_is_text_or_json(block: dict[str, Any], told: str) -> None:
    assert result_in(block, "a block") == Message(role="tool", content=told, tool_call_id="c1")
    assert call_in(block, "a block") is None


def test_a_picture_that_a_tool_answered_is_told() -> None:
    block = {"type": "tool_result", "content": [{"type": "image", "source": {}}]}
    with pytest.raises(RowError, match=r"content\[0\] has content other than text: image"):
        result_in(block, "a block")
    with pytest.raises(RowError, match=r"content\[0\] has content other than text: document"):
        result_in({"toolResult": {"content": [{"document": {}}]}}, "a block")
