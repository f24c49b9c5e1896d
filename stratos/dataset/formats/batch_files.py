"""Batches of OpenAI and Anthropic: one file holds the requests, another the responses.

A row is one of the two; `stratos.dataset.batch_halves` brings them together.
"""

from __future__ import annotations

from dataclasses import dataclass

from stratos.dataset.formats.request_bodies import asked_in
from stratos.dataset.formats.response_bodies import answer_of
from stratos.dataset.formats.row import (
    NO_CALL,
    LoggedAnswer,
    ParsedRow,
    Row,
    mapping,
    name_of,
    text,
)


@dataclass(frozen=True)
class BatchHalf:
    """A request or a response, and the id that both have."""

    custom_id: str
    request: object = None
    response: object = None
    """A response's body, or `{"error": …}`."""

    @property
    def is_request(self) -> bool:
        return self.response is None


def openai_half(row: Row) -> BatchHalf:
    """A line of a batch's input, or of its output or error file."""
    custom_id = text(row.get("custom_id"), "custom_id")
    if "body" in row:
        return BatchHalf(custom_id, request=mapping(row["body"], "body"))
    response = row.get("response")
    if row.get("error") or response is None:
        return BatchHalf(custom_id, response={"error": row.get("error") or "no response"})
    found = mapping(response, "response")
    status = found.get("status_code", 200)
    if isinstance(status, int) and status >= 400:
        return BatchHalf(custom_id, response={"error": found.get("body") or status})
    return BatchHalf(custom_id, response=mapping(found.get("body"), "response.body"))


def anthropic_half(row: Row) -> BatchHalf:
    """A request of a message batch, or its result."""
    custom_id = text(row.get("custom_id"), "custom_id")
    if "params" in row:
        return BatchHalf(custom_id, request=mapping(row["params"], "params"))
    result = mapping(row.get("result"), "result")
    if result.get("type") == "succeeded":
        return BatchHalf(custom_id, response=mapping(result.get("message"), "result.message"))
    return BatchHalf(custom_id, response={"error": result.get("error") or str(result.get("type"))})


def whole_row(custom_id: str, request: object, response: object) -> ParsedRow:
    """A request with its response; None where it has none."""
    if isinstance(response, dict) and response.get("object") == "list":
        return NO_CALL  # of embeddings
    asked = asked_in(request, "the request")
    answer = (
        LoggedAnswer(lacks="absent") if response is None else answer_of(response, "the response")
    )
    return asked.answered(answer)._replace(id=name_of(custom_id))
