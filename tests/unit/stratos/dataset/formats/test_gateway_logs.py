"""Logs of gateways and observers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stratos.contracts.messages import Tool
from stratos.dataset.formats.gateway_logs import (
    langfuse_row,
    litellm_row,
    request_row,
    stored_row,
)
from tests.unit.stratos.dataset.formats.rows import ASKED, CALL, COMPLETION, SAID, TOOL, reply_of

TOOLS = (Tool.model_validate(TOOL),)


def test_a_workload_is_kept() -> None:
    assert request_row({"request": "a", "response": "b", "workload_id": "x"}).workload == "x"


def test_a_request_with_tools_and_a_streamed_response_is_read() -> None:
    chunks = [
        {"choices": [{"delta": {"content": "4"}}]},
        {"choices": [{"delta": {}, "finish_reason": "stop"}]},
    ]
    request = {"messages": ASKED, "tools": [{"type": "function", "function": TOOL}]}
    read = request_row({"request": request, "response": chunks})
    assert (read.tools, reply_of(read).content) == (TOOLS, "4")


def test_a_call_of_litellm_keeps_its_tools_id_and_session() -> None:
    row = {
        "request_id": "r",
        "session_id": "s",
        "call_type": "acompletion",
        "status": "success",
        "messages": ASKED,
        "proxy_server_request": json.dumps({"body": {"tools": [{"function": TOOL}]}}),
        "response": {"choices": [{"message": {"tool_calls": [_call()]}}]},
    }
    read = litellm_row(row)
    assert (read.id, read.conversation, read.tools) == ("r", "s", TOOLS)
    assert reply_of(read).tool_calls == (CALL,)


def test_prompts_that_only_the_request_holds_are_read() -> None:
    sent = {"body": {"messages": ASKED}}
    row = {"call_type": "c", "messages": {}, "proxy_server_request": sent, "response": COMPLETION}
    assert litellm_row(row).messages[0].content == "2+2?"


@pytest.mark.parametrize("failed", [{"status": "failure"}, {"error_str": "Timeout"}])
def test_a_call_that_failed_is_no_answer(failed: dict[str, Any]) -> None:
    row = {"call_type": "acompletion", "messages": ASKED, "response": {}, **failed}
    assert litellm_row(row).answer.lacks == "error"


def test_what_langfuse_observed_is_read_and_what_calls_no_model_is_passed() -> None:
    row = {"traceId": "t", "sessionId": "s", "type": "GENERATION", "input": ASKED, "output": "4"}
    read = langfuse_row(row)
    assert (read.conversation, reply_of(read).content) == ("s", "4")
    assert langfuse_row({**row, "level": "ERROR"}).answer.lacks == "error"
    assert langfuse_row({**row, "type": "SPAN"}).answer.lacks == "no call"
    assert langfuse_row({**row, "input": None}).answer.lacks == "no call"


def test_an_answer_of_langfuse_that_is_json_stays_text() -> None:
    row = {"traceId": "t", "input": ASKED, "output": '{"label":  "x"}'}
    assert reply_of(langfuse_row(row)).content == '{"label":  "x"}'


def test_a_stored_completion_keeps_tools_and_calls() -> None:
    row = {
        "object": "chat.completion",
        "tools": [{"type": "function", "function": TOOL}],
        "choices": [{"message": {"tool_calls": [_call()]}, "finish_reason": "tool_calls"}],
        "messages": SAID[:1],
    }
    read = stored_row(row)
    assert (read.tools, reply_of(read).tool_calls) == (TOOLS, (CALL,))


def _call() -> dict[str, Any]:
    return {"id": "c1", "function": {"name": "weather", "arguments": '{"town": "Bonn"}'}}
