"""Bedrock's logs and batch outputs."""

from __future__ import annotations

from typing import Any

import pytest

from stratos.dataset.formats.bedrock_logs import batch_row, log_row
from stratos.dataset.formats.row import RowError
from tests.unit.stratos.dataset.formats.rows import ASKED, log, reply_of

REQUESTS: list[tuple[Any, Any]] = [
    ({"inputText": "2+2?"}, {"results": [{"outputText": "4", "completionReason": "FINISH"}]}),
    ({"prompt": "2+2?", "max_gen_len": 9}, {"generation": "4", "stop_reason": "stop"}),
    ({"prompt": "2+2?"}, {"outputs": [{"text": "4", "stop_reason": "stop"}]}),
    ({"prompt": "2+2?"}, [{"completion": "4", "stop_reason": None}, {"completion": ""}]),
    ({"prompt": "2+2?"}, {"choices": [{"text": "4", "stop_reason": "stop"}]}),
    ({"prompt": "2+2?"}, {"completions": [{"data": {"text": "4"}}]}),
    ({"message": "2+2?"}, {"text": "4", "finish_reason": "COMPLETE"}),
    ({"messages": ASKED}, {"choices": [{"message": {"content": "4"}, "finish_reason": "stop"}]}),
]


@pytest.mark.parametrize(("request_", "response"), REQUESTS)
def test_every_providers_bodies_are_read(request_: Any, response: Any) -> None:
    read = log_row({**log(request_, response), "requestId": "r-1"})
    assert [(m.role, m.content) for m in read.messages] == [("user", "2+2?")]
    assert (reply_of(read).content, read.id) == ("4", "r-1")


def test_a_failed_call_is_no_answer_and_keeps_its_question() -> None:
    row = {
        "schemaType": "ModelInvocationLog",
        "errorCode": "ThrottlingException",
        "input": {"inputBodyJson": {"messages": ASKED}},
    }
    read = log_row(row)
    assert (read.messages[0].content, read.answer.lacks) == ("2+2?", "error")


def test_an_embedding_is_no_call_to_learn_from() -> None:
    assert log_row(log({"inputText": "2+2?"}, {"embedding": [0.1]})).answer.lacks == "no call"


def test_a_body_that_lies_in_s3_and_not_here_is_named() -> None:
    row = {"input": {"inputBodyS3Path": "s3://b/AWSLogs/data/r_input.json.gz"}}
    with pytest.raises(
        RowError, match=r"is s3://b/AWSLogs/data/r_input\.json\.gz, and that body is"
    ):
        log_row(row)


def test_a_record_of_a_batch_that_failed_is_no_answer() -> None:
    row = {"recordId": "7", "modelInput": {"messages": ASKED}, "error": {"errorCode": 400}}
    read = batch_row(row)
    assert (read.id, read.answer.lacks) == ("7", "error")
