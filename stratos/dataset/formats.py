"""The dataset formats, and how a row of each becomes a question and an answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from stratos.contracts.messages import Message, Role
from stratos.spec import FormatName

Row = Mapping[str, object]


class RowError(ValueError):
    """A row does not fit its format."""


@dataclass(frozen=True)
class ParsedRow:
    """A row as read: the messages up to the question, and the reference reply."""

    messages: tuple[Message, ...]
    reply: str | None
    workload: str | None = None


def detect_format(row: Row) -> FormatName:
    """Return the format whose fields a row has.

    Raises:
        RowError: if it has the fields of none.
    """
    for name, (fields, _) in _FORMATS.items():
        if all(field in row for field in fields):
            return name
    wanted = "; ".join(f"{name}: {', '.join(fields)}" for name, (fields, _) in _FORMATS.items())
    found = ", ".join(sorted(row)[:8]) or "nothing"
    raise RowError(f"has the fields {found}; a format needs its own ({wanted})")


def read_row(row: Row, name: FormatName) -> ParsedRow:
    """Read a row in a format.

    Raises:
        RowError: saying what was found and what the format needs.
    """
    fields, read = _FORMATS[name]
    for field in fields:
        if field not in row:
            raise RowError(f"has no field {field!r}, which the format {name} needs")
    example = read(row)
    if not any(m.role == "user" and m.content.strip() for m in example.messages):
        raise RowError("asks nothing: no user message has any text")
    return example


# --- one reader a format ----------------------------------------------------------------------


def _prompt_completion(row: Row) -> ParsedRow:
    prompt, system = row["prompt"], row.get("system")
    messages = (
        _chat(prompt, "prompt")
        if isinstance(prompt, list)
        else (Message(role="user", content=_text(prompt, "prompt")),)
    )
    if system is not None:
        messages = (Message(role="system", content=_text(system, "system")), *messages)
    completion = row.get("completion")
    if isinstance(completion, list):
        replies = _chat(completion, "completion") if completion else ()
        return ParsedRow(messages, replies[-1].content if replies else None)
    return ParsedRow(messages, None if completion is None else _text(completion, "completion"))


def _openai_chat(row: Row) -> ParsedRow:
    return _split_reply(_chat(row["messages"], "messages"))


def _bedrock_conversation(row: Row) -> ParsedRow:
    messages = _chat(row["messages"], "messages")
    return _split_reply((*_system(row.get("system")), *messages))


def _bedrock_log(row: Row) -> ParsedRow:
    request = _body(row["input"], "inputBodyJson", "input")
    if "messages" in request:
        messages = (*_system(request.get("system")), *_chat(request["messages"], "messages"))
    else:
        prompt = request.get("prompt", request.get("inputText"))
        messages = (Message(role="user", content=_text(prompt, "input.inputBodyJson.prompt")),)
    answered = _split_reply(messages)
    output = row.get("output")
    if output is None:
        return answered
    return ParsedRow(answered.messages, _reply_of(_body(output, "outputBodyJson", "output")))


def _request_response(row: Row) -> ParsedRow:
    workload = row.get("workload_id")
    name = None if workload is None else _text(workload, "workload_id")
    request, response = row["request"], row.get("response")
    if isinstance(request, str):
        messages: tuple[Message, ...] = (Message(role="user", content=request),)
    else:
        body = _mapping(request, "request")
        messages = _split_reply(_chat(body.get("messages"), "request.messages")).messages
    if response is None or isinstance(response, str):
        return ParsedRow(messages, response, name)
    return ParsedRow(messages, _reply_of(_mapping(response, "response")), name)


def _gsm8k(row: Row) -> ParsedRow:
    question = Message(role="user", content=_text(row["question"], "question"))
    answer = row.get("answer")
    return ParsedRow((question,), None if answer is None else _text(answer, "answer"))


_FORMATS: dict[FormatName, tuple[tuple[str, ...], Callable[[Row], ParsedRow]]] = {
    "bedrock_conversation": (("schemaVersion", "messages"), _bedrock_conversation),
    "bedrock_log": (("schemaType", "input"), _bedrock_log),
    "openai_chat": (("messages",), _openai_chat),
    "request_response": (("request",), _request_response),
    "gsm8k": (("question",), _gsm8k),
    "prompt_completion": (("prompt",), _prompt_completion),
}
"""Format → the fields that mark it, most telling first, and its reader."""


# --- parts of a row ---------------------------------------------------------------------------


def _text(value: object, name: str) -> str:
    """A string, or the joined text blocks of a list of content blocks."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        blocks = [_mapping(block, name) for block in value]
        texts = [block["text"] for block in blocks if isinstance(block.get("text"), str)]
        if len(texts) < len(blocks):
            kinds = {str(b.get("type") or next(iter(b), "?")) for b in blocks if "text" not in b}
            raise RowError(f"{name} has content other than text: {', '.join(sorted(kinds))}")
        return "\n".join(str(text) for text in texts)
    raise RowError(f"{name} is {_kind(value)}; it must be text")


def _mapping(value: object, name: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise RowError(f"{name} is {_kind(value)}; it must be an object")
    return value


def _chat(value: object, name: str) -> tuple[Message, ...]:
    if not isinstance(value, list) or not value:
        raise RowError(f"{name} is {_kind(value)}; it must be a list of messages")
    messages = []
    for index, item in enumerate(value):
        message = _mapping(item, f"{name}[{index}]")
        role = message.get("role")
        match role:
            case "system" | "developer":
                known: Role = "system"
            case "user":
                known = "user"
            case "assistant":
                known = "assistant"
            case _:
                raise RowError(
                    f"{name}[{index}].role is {role!r}; it must be system, user or assistant"
                )
        content = _text(message.get("content"), f"{name}[{index}].content")
        messages.append(Message(role=known, content=content))
    return tuple(messages)


def _system(value: object) -> tuple[Message, ...]:
    return () if value is None else (Message(role="system", content=_text(value, "system")),)


def _split_reply(messages: tuple[Message, ...]) -> ParsedRow:
    """Split the closing reply from a conversation that ends in one."""
    if messages[-1].role == "assistant":
        return ParsedRow(messages[:-1], messages[-1].content)
    return ParsedRow(messages, None)


def _body(value: object, field: str, name: str) -> dict[str, object]:
    """The request or response inside an invocation log, which may be JSON in a string."""
    body = _mapping(value, name).get(field)
    if isinstance(body, str):
        try:
            body = json.loads(body)
        except ValueError as error:
            raise RowError(f"{name}.{field} is text that is not JSON: {error}") from error
    return _mapping(body, f"{name}.{field}")


def _reply_of(body: dict[str, object]) -> str | None:
    """The reply in a response body: OpenAI's, Converse's, Anthropic's or Titan's."""
    choices = body.get("choices")
    if isinstance(choices, list) and choices:
        choice = _mapping(choices[0], "choices[0]")
        if "message" in choice:
            content = _mapping(choice["message"], "choices[0].message").get("content")
            return None if content is None else _text(content, "choices[0].message.content")
        return _text(choice.get("text"), "choices[0].text")
    if "output" in body:
        message = _mapping(_mapping(body["output"], "output").get("message"), "output.message")
        return _text(message.get("content"), "output.message.content")
    for field in ("content", "completion", "generation", "outputText"):
        if field in body:
            return _text(body[field], field)
    raise RowError(f"the response has no reply in it; found {', '.join(sorted(body)[:8])}")


def _kind(value: object) -> str:
    names = {type(None): "missing", dict: "an object", list: "a list", bool: "true or false"}
    return names.get(type(value), "a number" if isinstance(value, int | float) else "text")
