"""Messages of a chat, and the tools that a model may call in it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, get_args

from pydantic import Field, JsonValue

from stratos.frozen import FrozenModel

_ENCODER = json.JSONEncoder(ensure_ascii=False)
"""`json.dumps` would make one for each call."""
_quoted = json.encoder.encode_basestring
Role = Literal["system", "user", "assistant", "tool"]
ROLES: tuple[Role, ...] = get_args(Role)


class ToolCall(FrozenModel):
    """One call that a model asks for."""

    name: str
    arguments: dict[str, JsonValue] = Field(default_factory=dict)
    id: str | None = None
    """Names the call to the tool's answer; None where the log has none."""


class Tool(FrozenModel):
    """A function that a model may call."""

    name: str
    description: str | None = None
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    """A JSON Schema of an object."""


class NamedTool(FrozenModel):
    """The one tool that must be called."""

    name: str


ToolChoice = Literal["auto", "none", "required"] | NamedTool


class Message(FrozenModel):
    """What one side said.

    Lists that are empty are None, so that a file of many records names them only where they are.
    """

    role: Role
    content: str
    """Empty where an assistant only calls tools."""
    tool_calls: tuple[ToolCall, ...] | None = None
    """An assistant's."""
    tool_call_id: str | None = None
    """Of the call that a tool answers."""
    name: str | None = None
    """Of the tool that answers."""


def openai_message(message: Message) -> dict[str, Any]:
    """A message as OpenAI's chat schema has it: a call's arguments are JSON text."""
    return _message(message, _ENCODER.encode)


def template_message(message: Message) -> dict[str, Any]:
    """A message as chat templates read it: a call's arguments are an object."""
    return _message(message, lambda arguments: arguments)


def template_messages(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """A conversation as chat templates read it, its calls numbered."""
    return [template_message(message) for message in with_numbered_calls(messages)]


def with_numbered_calls(messages: Sequence[Message]) -> list[Message]:
    """A conversation whose calls have ids of nine letters and digits, counted from its beginning.

    A tool's answer has the id and the name of its call. Some templates demand all that, and show
    it, while ids in logs are arbitrary.
    """
    numbered: list[Message] = []
    unanswered: dict[str, ToolCall] = {}
    count = 0
    for message in messages:
        if message.tool_calls:
            named: list[ToolCall] = []
            unanswered = {}
            for call in message.tool_calls:
                named.append(call.model_copy(update={"id": f"call{count:05d}"}))
                unanswered[call.id or f"call {count}"] = named[-1]
                count += 1
            message = message.model_copy(update={"tool_calls": tuple(named)})
        elif message.role == "tool" and unanswered:
            asked = message.tool_call_id
            call = unanswered.pop(asked if asked in unanswered else next(iter(unanswered)))
            told = {"tool_call_id": call.id, "name": message.name or call.name}
            message = message.model_copy(update=told)
        numbered.append(message)
    return numbered


def openai_tool(tool: Tool) -> dict[str, Any]:
    """A tool as OpenAI's chat schema and chat templates have it.

    llama.cpp shows a tool without a description as one whose description is empty, so all do.
    """
    function = tool.model_dump() | {"description": tool.description or ""}
    return {"type": "function", "function": function}


def offered_tools(tools: Sequence[Tool], choice: ToolChoice | None) -> tuple[Tool, ...]:
    """The tools that a model is shown: of a choice by name that one alone.

    Raises:
        ValueError: the named tool is not among the tools.
    """
    if not isinstance(choice, NamedTool) or not tools:
        return tuple(tools)
    offered = tuple(tool for tool in tools if tool.name == choice.name)
    if not offered:
        names = ", ".join(tool.name for tool in tools)
        raise ValueError(f"tool {choice.name!r} is to be called; the tools are {names}")
    return offered


def must_call(tools: Sequence[Tool], choice: ToolChoice | None) -> bool:
    """Whether a reply has to be a call."""
    return bool(tools) and (isinstance(choice, NamedTool) or choice == "required")


def openai_tool_choice(choice: ToolChoice) -> str | dict[str, Any]:
    """A choice of tools as OpenAI's chat schema has it."""
    if isinstance(choice, NamedTool):
        return {"type": "function", "function": {"name": choice.name}}
    return choice


def calls_text(calls: Iterable[ToolCall]) -> str:
    """Calls as one line of JSON, in which answers are compared: names and arguments, no ids."""
    return f"[{', '.join(map(_call_text, calls))}]"


def listed_calls(calls: Iterable[ToolCall]) -> list[dict[str, Any]]:
    """Calls as `calls_text` writes them, before they are text."""
    return [{"name": call.name, "arguments": call.arguments} for call in calls]


def _call_text(call: ToolCall) -> str:
    arguments = _flat_text(call.arguments) or _ENCODER.encode(call.arguments)
    return f'{{"name": {_quoted(call.name)}, "arguments": {arguments}}}'


def _flat_text(arguments: dict[str, JsonValue]) -> str | None:
    """Arguments of texts and whole numbers, as most are, in a third of the encoder's time; None
    if there are others."""
    parts: list[str] = []
    for name, value in arguments.items():
        if type(value) is str:
            parts.append(f"{_quoted(name)}: {_quoted(value)}")
        elif type(value) is int:
            parts.append(f"{_quoted(name)}: {value}")
        else:
            return None
    return f"{{{', '.join(parts)}}}"


def _message(
    message: Message, arguments_of: Callable[[dict[str, JsonValue]], Any]
) -> dict[str, Any]:
    written: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        written["tool_calls"] = [
            {
                "id": call.id or f"call_{number}",
                "type": "function",
                "function": {"name": call.name, "arguments": arguments_of(call.arguments)},
            }
            for number, call in enumerate(message.tool_calls)
        ]
    if message.tool_call_id is not None:
        written["tool_call_id"] = message.tool_call_id
    if message.name is not None:
        written["name"] = message.name
    return written
