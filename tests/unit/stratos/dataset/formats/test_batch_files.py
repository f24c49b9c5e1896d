"""Lines of batches' inputs and outputs."""

from __future__ import annotations

from typing import Any

import pytest

from stratos.dataset.formats.batch_files import (
    BatchHalf,
    anthropic_half,
    openai_half,
    whole_row,
)
from tests.unit.stratos.dataset.formats.rows import ASKED, COMPLETION, reply_of


def test_lines_of_openai_are_requests_or_responses() -> None:
    line = {"custom_id": "a", "method": "POST", "url": "/v1/x", "body": {"messages": ASKED}}
    assert openai_half(line) == BatchHalf("a", request={"messages": ASKED})
    response = {"status_code": 200, "body": COMPLETION}
    line = {"id": "batch_req_1", "custom_id": "a", "response": response, "error": None}
    assert openai_half(line) == BatchHalf("a", response=COMPLETION)


@pytest.mark.parametrize(
    "line",
    [
        {"response": None, "error": {"code": "batch_expired"}},
        {"response": {"status_code": 429, "body": {"error": {}}}},
    ],
)
def test_a_request_of_openai_that_failed_has_no_answer(line: dict[str, Any]) -> None:
    half = openai_half({"custom_id": "a", **line})
    assert not half.is_request
    assert whole_row("a", {"messages": ASKED}, half.response).answer.lacks == "error"


def test_a_batch_of_embeddings_has_nothing_to_learn() -> None:
    body = {"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}]}
    line = {"custom_id": "a", "response": {"status_code": 200, "body": body}, "error": None}
    read = whole_row("a", {"model": "m", "input": ["2+2?"]}, openai_half(line).response)
    assert read.answer.lacks == "no call"


def test_lines_of_anthropic_are_requests_or_results() -> None:
    assert anthropic_half({"custom_id": "a", "params": {"messages": ASKED}}).is_request
    message = {"role": "assistant", "content": [{"type": "text", "text": "4"}]}
    half = anthropic_half({"custom_id": "a", "result": {"type": "succeeded", "message": message}})
    read = whole_row("a", {"messages": ASKED}, half.response)
    assert (reply_of(read).content, read.id) == ("4", "a")
    expired = anthropic_half({"custom_id": "a", "result": {"type": "expired"}})
    assert whole_row("a", {"messages": ASKED}, expired.response).answer.lacks == "error"


def test_a_request_without_a_response_has_no_answer() -> None:
    assert whole_row("a", {"messages": ASKED}, None).answer.lacks == "absent"
