"""Logs of gateways."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stratos.contracts.messages import Tool
from stratos.dataset.formats.gateway_logs import litellm_row, request_row, stored_row
from stratos.dataset.formats.row import RowError
from tests.unit.stratos.dataset.formats.rows import ASKED, CALL, COMPLETION, SAID, TOOL, reply_of

TOOLS = (Tool.model_validate(TOOL),)
ANTHROPIC = {
    "type": "message",
    "role": "assistant",
    "content": [{"type": "text", "text": "4"}],
    "stop_reason": "end_turn",
}
RESPONSE = {
    "object": "response",
    "output": [{"type": "message", "content": [{"type": "output_text", "text": "4"}]}],
}


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


@pytest.mark.parametrize("messages", [{}, "{}", None])
@pytest.mark.parametrize(
    "request_of",
    [
        lambda body: {"proxy_server_request": body},
        lambda body: {"proxy_server_request": json.dumps(body)},
        lambda body: {"metadata": {"proxy_server_request": json.dumps(body)}},
    ],
    ids=["body", "JSON in text", "in metadata"],
)
def test_a_row_of_the_spend_logs_is_read_by_the_body_that_was_sent(
    messages: Any, request_of: Any
) -> None:
    body = {"model": "m", "system": "Be brief.", "messages": ASKED, "tools": [TOOL]}
    answers = [json.dumps(COMPLETION), COMPLETION, json.dumps(ANTHROPIC), json.dumps(RESPONSE)]
    for response in answers:
        row = {"call_type": "acompletion", "messages": messages, "response": response}
        read = litellm_row(row | request_of(body))
        assert [said.content for said in read.messages] == ["Be brief.", "2+2?"]
        assert read.tools == TOOLS
        assert reply_of(read).content == "4"


def test_an_answer_in_a_spend_log_that_is_json_stays_text() -> None:
    row = {"call_type": "completion", "messages": ASKED, "response": '{"label":  "x"}'}
    assert reply_of(litellm_row(row)).content == '{"label":  "x"}'


@pytest.mark.parametrize("kind", ["aembedding", "moderation", "arerank"])
def test_calls_of_litellm_that_are_no_chats_are_passed_over(kind: str) -> None:
    row = {"call_type": kind, "messages": {}, "proxy_server_request": {"input": ["a"]}}
    assert litellm_row(row).answer.lacks == "no call"


def test_texts_that_litellm_cut_or_withheld_are_told() -> None:
    cut = "2+... (litellm_truncated skipped 20 chars) ...2?"
    row = {"call_type": "acompletion", "messages": ASKED, "response": COMPLETION}
    with pytest.raises(RowError, match=r"messages\[0\] was cut .* MAX_STRING_LENGTH_PROMPT_IN_DB"):
        litellm_row({**row, "messages": [{"role": "user", "content": cut}]})
    with pytest.raises(RowError, match=r"messages\[0\] is redacted-by-litellm; set `turn_off"):
        litellm_row({**row, "messages": [{"role": "user", "content": "redacted-by-litellm"}]})
    said = {"choices": [{"message": {"role": "assistant", "content": cut}}]}
    assert litellm_row({**row, "response": said}).answer.lacks == "cut"


@pytest.mark.parametrize("failed", [{"status": "failure"}, {"error_str": "Timeout"}])
def test_a_call_that_failed_is_no_answer(failed: dict[str, Any]) -> None:
    row = {"call_type": "acompletion", "messages": ASKED, "response": {}, **failed}
    assert litellm_row(row).answer.lacks == "error"


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
