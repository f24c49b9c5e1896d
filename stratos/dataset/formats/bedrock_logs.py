"""Bedrock's invocation logs and batch outputs: the bodies of a call, whoever made the model."""

from __future__ import annotations

from stratos.dataset.formats.request_bodies import asked_in
from stratos.dataset.formats.response_bodies import answer_of
from stratos.dataset.formats.row import (
    NO_CALL,
    LoggedAnswer,
    ParsedRow,
    Row,
    RowError,
    mapping,
    name_of,
    parsed,
)

_NO_REPLY = frozenset({"embedding", "embeddings", "embeddingsByType", "images", "artifacts"})
"""Fields of outputs that are no text: of embedding and image models."""


def log_row(row: Row) -> ParsedRow:
    """A `ModelInvocationLog`, whose bodies lie in the row. Those in S3 were put there before."""
    request = _body(row["input"], "inputBody", "input")
    output = row.get("output")
    if row.get("errorCode"):
        answer = LoggedAnswer(lacks="error")
    elif output is None or not _has_body(output):
        answer = LoggedAnswer(lacks="absent")
    else:
        body = _body(output, "outputBody", "output")
        if isinstance(body, dict) and _NO_REPLY & body.keys():
            return NO_CALL
        answer = answer_of(body, "output.outputBodyJson")
    asked = asked_in(request, "input.inputBodyJson")
    read = asked.row() if output is None and answer.lacks == "absent" else asked.answered(answer)
    return read._replace(id=name_of(row.get("requestId")))


def batch_row(row: Row) -> ParsedRow:
    """A line of a batch job's output: `modelInput` beside `modelOutput`, or an error."""
    asked = asked_in(row["modelInput"], "modelInput")
    output = row.get("modelOutput")
    if row.get("error"):
        answer = LoggedAnswer(lacks="error")
    else:
        answer = (
            LoggedAnswer(lacks="absent") if output is None else answer_of(output, "modelOutput")
        )
    return asked.answered(answer)._replace(id=name_of(row.get("recordId")))


def _has_body(value: object) -> bool:
    found = mapping(value, "output")
    return any(found.get(f"outputBody{kind}") is not None for kind in ("Json", "S3Path"))


def _body(value: object, field: str, name: str) -> object:
    """The request or response, which may be JSON in a string."""
    found = mapping(value, name)
    body = parsed(found.get(f"{field}Json"), f"{name}.{field}Json")
    if body is None and found.get(f"{field}S3Path"):
        raise RowError(
            f"{name}.{field}S3Path is {found[f'{field}S3Path']}, and that body is not below the "
            "dataset's prefix; copy the `data/` folders beside the logs, too"
        )
    if body is None:
        raise RowError(f"{name}.{field}Json is missing; turn on the delivery of text data")
    return body
