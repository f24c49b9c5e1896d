"""Which format a row is in, told by its fields, and how it is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from stratos.dataset.formats.batch_files import BatchHalf, anthropic_half, openai_half
from stratos.dataset.formats.bedrock_logs import batch_row, log_row
from stratos.dataset.formats.chats import chat_row, sharegpt_row
from stratos.dataset.formats.gateway_logs import litellm_row, request_row, stored_row
from stratos.dataset.formats.langfuse import langfuse_row
from stratos.dataset.formats.pairs import alpaca_row, input_row, prompt_row, question_row
from stratos.dataset.formats.row import ParsedRow, Row, RowError
from stratos.spec import FormatName


@dataclass(frozen=True)
class Format:
    """How a format is told and read.

    Attributes:
        fields: What a row must have to be in it.
        marks: Of these a row must have one, to be taken for it.
        empty: Fields of rows that are in it, too, and have nothing in `fields`.
    """

    fields: tuple[str, ...]
    read: Callable[[Row], ParsedRow | BatchHalf]
    marks: tuple[str, ...] = ()
    empty: tuple[frozenset[str], ...] = ()

    def fits(self, row: Row) -> bool:
        if any(fields <= row.keys() for fields in self.empty):
            return True
        return all(row.get(field) is not None for field in self.fields) and (
            not self.marks or any(mark in row for mark in self.marks)
        )


FORMATS: dict[FormatName, Format] = {
    "bedrock_log": Format(("schemaType", "input"), log_row),
    "bedrock_batch": Format(("recordId", "modelInput"), batch_row),
    "openai_batch": Format(("custom_id",), openai_half, ("body", "response")),
    "anthropic_batch": Format(("custom_id",), anthropic_half, ("params", "result")),
    "stored_completion": Format(("choices",), stored_row, ("object", "messages")),
    "litellm": Format(
        ("call_type",), litellm_row, ("messages", "response", "proxy_server_request")
    ),
    "langfuse": Format(
        ("input",),
        langfuse_row,
        ("traceId", "trace_id", "traceName"),
        (
            frozenset({"type", "traceId", "parentObservationId"}),
            frozenset({"type", "trace_id", "parent_observation_id"}),
        ),
    ),
    "bedrock_conversation": Format(
        ("messages",), chat_row, ("schemaVersion", "toolConfig", "inferenceConfig")
    ),
    "anthropic_messages": Format(("messages",), chat_row, ("system", "anthropic_version")),
    "openai_chat": Format(("messages",), chat_row),
    "sharegpt": Format(("conversations",), sharegpt_row),
    "request_response": Format(("request",), request_row),
    "alpaca": Format(("instruction",), alpaca_row),
    "gsm8k": Format(("question",), question_row),
    "prompt_completion": Format(("prompt",), prompt_row),
    "input_output": Format(("input",), input_row, ("output",)),
}
"""The most telling first."""

_HINTS = {
    "data": "jq -c '.data[]' OLD > NEW.jsonl",
    "observations": "jq -c '.observations[]' OLD > NEW.jsonl",
    "events": "jq -r '.events[].message' OLD > NEW.jsonl",
    "chosen": (
        'jq -c \'if (.chosen | type) == "array" then {messages: .chosen} '
        "else {prompt, completion: .chosen} end' OLD > NEW.jsonl"
    ),
    "contents": (
        'jq -c \'{messages: [.contents[] | {role: (if .role == "model" then "assistant" '
        "else .role end), content: ([.parts[].text] | add)}]}' OLD > NEW.jsonl"
    ),
    "text": "name the columns in the spec, such as `columns: {prompt: text, answer: label}`",
    "query": "jq -c '{prompt: .query, completion: .response}' OLD > NEW.jsonl",
    "conversation": "jq -c '{conversations: .conversation}' OLD > NEW.jsonl",
}
"""A field that tells a format which is not read → how its rows become one that is."""
_PREFERENCE = frozenset({"chosen", "rejected"})
"""Fields of rows with two answers, of which people or a judge preferred the first."""
_ANSWERS = frozenset({"completion", "response", "answer", "output", "gold"})
_ANY_HINT = (
    "name the columns in the spec (`columns: {prompt: FIELD, answer: FIELD}`), or "
    "jq -c '{prompt: .FIELD, completion: .FIELD}' OLD > NEW.jsonl"
)


def detect_format(row: Row) -> FormatName:
    """Return the format whose fields a row has.

    Raises:
        RowError: if it has the fields of none, with how to convert it.
    """
    if row.keys() >= _PREFERENCE and _ANSWERS.isdisjoint(row):
        raise RowError(
            "has two answers, `chosen` and `rejected`; one is needed. To learn the first: "
            f"{_HINTS['chosen']}"
        )
    for name, form in FORMATS.items():
        if form.fits(row):
            return name
    found = ", ".join(sorted(row)[:8]) or "nothing"
    hint = next((told for field, told in _HINTS.items() if field in row), _ANY_HINT)
    raise RowError(
        f"has the fields {found}, and no format has those; needed: {_wanted()}. To convert it: "
        f"{hint}"
    )


def read_fields(row: Row, name: FormatName) -> ParsedRow | BatchHalf:
    """Read a row in a format that is told by its fields.

    Raises:
        RowError: saying what was found and what the format needs.
    """
    form = FORMATS[name]
    for field in form.fields:
        if field not in row and not form.fits(row):
            raise RowError(f"has no field {field!r}, which the format {name} needs")
    return form.read(row)


def _wanted() -> str:
    return "; ".join(f"{name}: {_fields(form)}" for name, form in FORMATS.items())


def _fields(form: Format) -> str:
    marks = f" and one of {', '.join(form.marks)}" if form.marks else ""
    return ", ".join(form.fields) + marks
