"""What a chat completion of OpenAI's schema says, in the dialects that services write it in.

A reply that is worth nothing (cut, refused, empty, calling tools that nobody offered) is an answer
all the same: it was paid for, and whoever judges answers rejects it. Only what is no chat
completion at all is malformed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue, TypeAdapter, ValidationError

from stratos.contracts.messages import ToolCall

_TEXT_PARTS = frozenset({"text", "output_text"})
_CUT = frozenset({"length", "max_tokens", "model_length"})
_ARGUMENTS = TypeAdapter(dict[str, JsonValue])


class Malformed(ValueError):
    """The body is no chat completion."""


@dataclass(frozen=True)
class ChatReply:
    """A chat completion as it was read.

    Attributes:
        text: Empty where the model said nothing, or a filter or it itself refused.
        thinking: What a service writes beside the text. Thinking between tags stays in the text.
        finished: Neither the text nor a call was cut off.
        withheld: The service's filter kept the answer back.
        written: All that the model wrote, as far as it is shown.
    """

    text: str
    thinking: str
    finished: bool
    tool_calls: tuple[ToolCall, ...]
    withheld: bool
    written: str


def read_chat_completion(answer: object, *, offered_tools: bool) -> ChatReply:
    """Read the first choice of a chat completion.

    Args:
        offered_tools: Without them, calls are ignored: nothing could answer them.

    Raises:
        Malformed: when it is no chat completion.
    """
    choice = _first(_mapping(answer, "the body").get("choices"))
    message = _mapping(choice.get("message"), "the message")
    ended = _said(choice, "finish_reason")
    if ended == "error":
        raise Malformed(f"the service failed while it wrote: {choice.get('error')!r:.200}")
    text, thinking_parts = _content(message.get("content"))
    thinking = thinking_parts or _said(message, "reasoning_content") or _said(message, "reasoning")
    raw_calls = list(_raw_calls(message))
    calls = [_call(one) for one in raw_calls]
    whole = tuple(one for one in calls if one is not None)
    refusal = _said(message, "refusal")
    return ChatReply(
        text=text.strip(),
        thinking=thinking.strip(),
        # Arguments that are no JSON object were broken off, whatever the service calls it.
        finished=ended not in _CUT and not (offered_tools and len(whole) < len(calls)),
        tool_calls=whole if offered_tools else (),
        withheld=ended == "content_filter",
        written=text + thinking + refusal + "".join(f"{call}" for call in raw_calls),
    )


def _first(choices: object) -> Mapping[str, object]:
    if not isinstance(choices, Sequence) or isinstance(choices, str) or not choices:
        raise Malformed("it has no choices")
    return _mapping(choices[0], "the first choice")


def _mapping(value: object, what: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise Malformed(f"{what} is no object")
    return value


def _content(content: object) -> tuple[str, str]:
    """The text and the thinking in a message's content: a text, parts, or nothing."""
    if content is None:
        return "", ""
    if isinstance(content, str):
        return content, ""
    if not isinstance(content, Sequence):
        raise Malformed("the message's content is neither text nor parts")
    text, thinking = "", ""
    for part in content:
        if isinstance(part, str):
            text += part
        elif isinstance(part, Mapping) and _said(part, "type") in _TEXT_PARTS:
            text += _said(part, "text")
        elif isinstance(part, Mapping) and part.get("type") == "thinking":
            inner = part.get("thinking")
            thinking += inner if isinstance(inner, str) else _content(inner)[0]
    return text, thinking


def _said(fields: Mapping[str, object], name: str) -> str:
    found = fields.get(name)
    return found if isinstance(found, str) else ""


def _raw_calls(message: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    """Calls as they stand in a message: the list of today, or the one call of older services."""
    listed = message.get("tool_calls")
    if isinstance(listed, Sequence) and not isinstance(listed, str):
        yield from (one for one in listed if isinstance(one, Mapping))
    alone = message.get("function_call")
    if not listed and isinstance(alone, Mapping):
        yield {"function": alone}


def _call(raw: Mapping[str, object]) -> ToolCall | None:
    """One call; None where nothing could run it: no name, or arguments that are no JSON object."""
    function = raw.get("function")
    if not isinstance(function, Mapping) or not (name := _said(function, "name")):
        return None
    arguments = function.get("arguments")
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments or "{}")
        except (ValueError, RecursionError):
            return None
    try:
        checked = _ARGUMENTS.validate_python({} if arguments is None else arguments)
    except ValidationError:
        return None
    return ToolCall(name=name, arguments=checked, id=_said(raw, "id") or None)
