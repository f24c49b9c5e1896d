"""A user's file of questions, as the requests of a batch.

SageMaker gives up on a file where one line is refused, so what a server would refuse is refused
here, before anything is paid for. Only the number of a line's tokens cannot be known without the
model's tokenizer: see `maybe_too_long`.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stratos.cli.tools import choice_in, tools_in
from stratos.contracts.messages import (
    ROLES,
    Message,
    ToolCall,
    openai_message,
    with_numbered_calls,
)
from stratos.contracts.plan import PlannedEngine
from stratos.errors import BatchRejected
from stratos.hosting.chat_request import UNREADABLE, call_in, chat_request
from stratos.spec.json_schema import check_schema
from stratos.units import MIB

_SHOWN = 10
"""Problems that are listed; the others are counted."""
_MOST_BYTES_PER_TOKEN = 8
"""A longer line is refused. Prose has 4 to 5 in large vocabularies; long runs of blanks have more,
and are refused though they might fit."""
_TEMPLATE_TOKENS, _TOKENS_PER_MESSAGE = 64, 16
"""What a chat template adds at most, to the chat and to each message; assumed."""
_LARGEST_SEED = 2**32 - 2
"""What an endpoint promises to take (docs/serving.md)."""


@dataclass(frozen=True)
class Limits:
    """What bounds a request.

    Attributes:
        max_tokens: Longest answer, if a line does not say.
        max_mib: Of one request.
        engine: What answers; None for a server of before, which answered what it refused with an
            error.
    """

    max_tokens: int
    max_mib: int
    engine: PlannedEngine | None = None


def read_questions(path: Path, model_name: str, limits: Limits) -> list[str]:
    """The requests of a file, one a line, in its order.

    A `.jsonl` file holds JSON objects: a chat (`messages`) or one plain question (`inputs` or
    `prompt`). In any other file, each line is a question. Length of the answer and temperature, if
    a request omits them, are those with which the model was measured.

    Raises:
        BatchRejected: with every line that cannot be asked.
    """
    try:
        content = path.read_bytes().removeprefix(codecs.BOM_UTF8)
        # As bytes: text may contain line separators that do not end a line of the file.
        lines = [line.decode() for line in content.splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise BatchRejected(f"{path} cannot be read: {error}; give a text file in UTF-8") from None
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines:
        raise BatchRejected(f"{path} holds no question; put one on each line")
    as_json = path.suffix in (".jsonl", ".json")
    requests, problems = [], []
    for number, line in enumerate(lines, 1):
        try:
            requests.append(_request(line, model_name, limits, as_json=as_json))
        except ValueError as error:
            problems.append(f"line {number}: {error}")
    if problems:
        raise BatchRejected(
            f"{path}: {len(problems)} of {len(lines)} lines cannot be asked, and nothing was "
            f"started. {_listed(problems, '; ')}"
        )
    return requests


def maybe_too_long(
    requests: Sequence[str], engine: PlannedEngine | None, answered: Sequence[str]
) -> list[int]:
    """Numbers of lines that may have more tokens than the context.

    A token has at least one byte, so a line with no more bytes than the context has tokens fits,
    whatever the tokenizer. So does, most likely, one that is no longer than the longest that the
    same model has answered. vLLM counts the longest answer that is asked for, too; llama.cpp ends
    an answer where the context ends.

    Args:
        answered: Requests of the batch by which the model was measured.
    """
    if engine is None:
        return []

    def most_tokens(line: str) -> int:
        request = json.loads(line)
        answer = request["max_tokens"] if engine.name == "vllm" else 1
        template = _TEMPLATE_TOKENS + _TOKENS_PER_MESSAGE * len(request["messages"])
        return _content_bytes(request) + template + (answer or 1)

    safe = max([engine.context_tokens, *map(most_tokens, answered)])
    return [number for number, line in enumerate(requests, 1) if most_tokens(line) > safe]


def with_unmeasured_tools(requests: Sequence[str], answered: Sequence[str]) -> list[int]:
    """Numbers of lines with tools, where the model was measured with none and may refuse them.

    Args:
        answered: Requests of the batch by which the model was measured.
    """

    def has_tools(line: str) -> bool:
        return "tools" in json.loads(line)

    if any(map(has_tools, answered)):
        return []
    return [number for number, line in enumerate(requests, 1) if has_tools(line)]


def told_lines(numbers: Sequence[int]) -> str:
    """Lines by their numbers, the first of them."""
    return ("line " if len(numbers) == 1 else "lines ") + _listed([str(n) for n in numbers], ", ")


def _request(line: str, model_name: str, limits: Limits, *, as_json: bool) -> str:
    asked = _of_json(line) if as_json else _of_text(line)
    given = chat_request((), model_name, limits.max_tokens) | asked | _offered(asked)
    given["messages"] = _numbered(asked["messages"])
    request = json.dumps(given | {"model": model_name})  # the only one the server has
    if len(request) > limits.max_mib * MIB:  # its characters are of one byte each
        raise ValueError(f"it is over {limits.max_mib} MB, the limit of one request")
    if limits.engine is not None:
        _check_length(asked, limits.engine.context_tokens)
    return request


def _of_text(line: str) -> dict[str, Any]:
    if not line.strip():
        raise ValueError("it is empty; put a question on each line")
    return {"messages": [{"role": "user", "content": line}]}


def _of_json(line: str) -> dict[str, Any]:
    """The request's own fields.

    Raises:
        ValueError: why it is not a request.
    """
    try:
        given = json.loads(line)
    except ValueError as error:
        raise ValueError(f"it is not JSON ({error})") from None
    if not isinstance(given, dict):
        raise ValueError("it is not a JSON object; give one with `messages`")
    if given.get("stream"):
        raise ValueError("`stream` has no meaning in a batch; leave it out")
    if "messages" in given:
        _check_messages(given["messages"])
        _check_options(given)
        return given
    question = given.get("inputs", given.get("prompt"))
    if not isinstance(question, str) or not question.strip():
        raise ValueError("it has neither `messages` nor one question as `inputs` or `prompt`")
    if unknown := sorted(set(given) - {"inputs", "prompt"}):
        raise ValueError(f"{', '.join(unknown)} beside a plain question; use `messages` for that")
    return _of_text(question)


def _check_messages(messages: object) -> None:
    if not isinstance(messages, list) or not messages:
        raise ValueError("`messages` must be a list with at least one message")
    for number, message in enumerate(messages):
        if not isinstance(message, dict) or not _says_something(message):
            raise ValueError("a message needs `role` and `content`, both text")
        role = message.get("role")
        if role not in ROLES:
            raise ValueError(f"role {role!r} of a message is not one of {', '.join(ROLES)}")
        if role == "system" and number > 0:
            raise ValueError("a system message can only be the first one")
        if role == "tool" and not isinstance(message.get("tool_call_id"), str):
            raise ValueError("a tool's message needs the `tool_call_id` that it answers")


def _numbered(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Messages whose calls have the ids of training: templates show them, or refuse others."""
    read = [
        Message(
            role=message["role"],
            content=message.get("content") or "",
            tool_calls=tuple(map(_readable, message.get("tool_calls") or ())) or None,
            tool_call_id=message.get("tool_call_id"),
            name=message.get("name"),
        )
        for message in messages
    ]
    numbered = map(openai_message, with_numbered_calls(read))
    return [{**given, **written} for given, written in zip(messages, numbered, strict=True)]


def _readable(written: Mapping[str, Any]) -> ToolCall:
    call = call_in(written)
    if UNREADABLE in call.arguments:
        raise ValueError(f"arguments of a call of {call.name} are no JSON object")
    return call


def _says_something(message: Mapping[str, Any]) -> bool:
    """Whether a message has text, or calls of an assistant in its place."""
    calls = message.get("tool_calls")
    if calls is None:
        return isinstance(message.get("content"), str)
    if message.get("role") != "assistant" or not isinstance(calls, list) or not calls:
        raise ValueError("`tool_calls` must be a list of an assistant's calls")
    for call in calls:
        match call:
            case {"id": str(), "function": {"name": str(), "arguments": str()}}:
                continue
        raise ValueError(
            '`tool_calls` hold {"id": …, "type": "function", "function": {"name": …, '
            '"arguments": "{…}"}}, the arguments as text'
        )
    return message.get("content") is None or isinstance(message["content"], str)


def _offered(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Tools and choice, as every engine reads them."""
    if asked.get("tools") is None:
        if asked.get("tool_choice") is not None:
            raise ValueError("`tool_choice` chooses among `tools`; name them, too")
        return {}
    tools, choice = tools_in(asked["tools"]), choice_in(asked.get("tool_choice"))
    request = chat_request((), "", 1, tools, choice)
    return {name: request[name] for name in ("tools", "tool_choice") if name in request}


def _check_options(given: Mapping[str, Any]) -> None:
    for name, value in given.items():
        if name in ("messages", "model", "stream", "tools", "tool_choice"):
            continue
        if name not in _OPTIONS:
            raise ValueError(
                f"`{name}` is not an option of a batch; those are {', '.join(sorted(_OPTIONS))}"
            )
        needed, holds = _OPTIONS[name]
        if value is not None and not holds(value):
            raise ValueError(f"`{name}` is {value!r}; it must be {needed}")


def _check_length(asked: Mapping[str, Any], context_tokens: int) -> None:
    most = asked.get("max_tokens")
    if most is not None and most >= context_tokens:
        raise ValueError(
            f"`max_tokens` is {most}; question and answer together have {context_tokens} tokens"
        )
    num_bytes = _content_bytes(asked)
    if num_bytes > _MOST_BYTES_PER_TOKEN * context_tokens:
        raise ValueError(
            f"it has {num_bytes:,} bytes, too long for the {context_tokens:,} tokens of a "
            "question and its answer; shorten it"
        )


def _content_bytes(request: Mapping[str, Any]) -> int:
    """Of all that a chat template shows."""
    texts = [message.get("content") or "" for message in request["messages"]]
    shown = [message.get("tool_calls") for message in request["messages"]]
    shown.append(request.get("tools"))
    texts += [json.dumps(item, ensure_ascii=False) for item in shown if item]
    return sum(len(text.encode()) for text in texts)


def _listed(items: Sequence[str], between: str) -> str:
    more = f"{between}{len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    return between.join(items[:_SHOWN]) + more


def _number(least: float, most: float) -> Callable[[Any], bool]:
    def holds(value: Any) -> bool:
        return type(value) in (int, float) and least <= value <= most

    return holds


def _integer(least: int, most: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and least <= value <= most


def _is_format(value: Any) -> bool:
    """Raises ValueError for a schema that is none, which would cost the whole file."""
    match value:
        case {"type": "text"}:
            return True
        case {"type": "json_schema", "json_schema": {"schema": dict(schema)}}:
            check_schema(schema)
            return True
    return False


def _is_stop(value: Any) -> bool:
    return isinstance(value, str) or (
        isinstance(value, list) and all(isinstance(item, str) for item in value)
    )


_OPTIONS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "max_tokens": ("a whole number from 1", _integer(1, 2**31 - 1)),
    "temperature": ("a number from 0 to 2", _number(0, 2)),
    "top_p": ("a number from 0 to 1", _number(0, 1)),
    "presence_penalty": ("a number from -2 to 2", _number(-2, 2)),
    "frequency_penalty": ("a number from -2 to 2", _number(-2, 2)),
    "seed": (f"a whole number from 0 to {_LARGEST_SEED}", _integer(0, _LARGEST_SEED)),
    "stop": ("a text, or a list of them", _is_stop),
    "n": ("1", _integer(1, 1)),
    "parallel_tool_calls": ("true or false", lambda value: isinstance(value, bool)),
    "response_format": ("an object of type json_schema or text", _is_format),
}
"""What all engines take and answer alike: what it must be, in words and as a check."""
