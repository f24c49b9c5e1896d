"""Tools, the choice among them, and calls, as OpenAI, Anthropic and Converse write them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from pydantic_core import to_json

from stratos.contracts.messages import NamedTool, Tool, ToolCall, ToolChoice
from stratos.dataset.formats.row import (
    Row,
    RowError,
    items,
    kind,
    mapping,
    name_of,
    parsed,
    read_json,
    text,
)

_OF_TOOLS = frozenset({"tools", "functions", "toolConfig"})
_OF_CALLS = frozenset({"tool_calls", "function_call", "additional_kwargs"})
_OF_CHOICES = frozenset({"tool_choice", "function_call", "toolConfig"})
_DEEPEST = 64
"""Levels of an argument or a schema; what reads records again allows a few more than 100."""
_SHOWN = 8
_NAMES, _ARGUMENTS = ("name", "toolName"), ("arguments", "input", "args")
_IDS = ("call_id", "toolUseId", "toolCallId", "id")
"""OpenAI's Responses have an `id` of the item besides."""
_FLAT = frozenset({str, int, bool, type(None)})
"""Types of arguments that need no look into them."""
_ALIKE = 256
"""Lists of tools that are kept as read: most rows of a log offer the same ones."""


def tools_of(row: Row, name: str = "") -> tuple[Tool, ...] | None:
    """The tools that a request or a row offers, by whichever field it has for them.

    Raises:
        RowError: for a tool that is no function.
    """
    if _OF_TOOLS.isdisjoint(row):
        return None
    for field in ("tools", "functions", "toolConfig"):
        found = parsed(row.get(field), f"{name}{field}") if row.get(field) else None
        if field == "toolConfig" and found is not None:
            found = mapping(found, f"{name}{field}").get("tools")
        if found:
            listed = items(found, f"{name}{field}")
            return _read_tools(_key(listed, f"{name}{field}"), f"{name}{field}") or None
    return None


def tool_choice_of(row: Row, name: str = "") -> ToolChoice | None:
    """Which tool a request asks for; None where it does not say.

    Raises:
        RowError: for a choice of no known kind.
    """
    if _OF_CHOICES.isdisjoint(row):
        return None
    config = row.get("toolConfig")
    for field, value in (
        ("tool_choice", row.get("tool_choice")),
        ("function_call", row.get("function_call")),
        ("toolConfig.toolChoice", config.get("toolChoice") if isinstance(config, dict) else None),
    ):
        if value is not None:
            return _choice(value, f"{name}{field}")
    return None


def check_offered(choice: NamedTool, tools: Sequence[Tool]) -> None:
    """Check that the tool which must be called is among those that may be.

    Raises:
        RowError: if it is not.
    """
    names = [tool.name for tool in tools]
    if choice.name not in names:
        offered = ", ".join(names[:_SHOWN]) or "none"
        raise RowError(
            f"the tool to be called is {choice.name!r}, and the row offers {offered}; offer it, or "
            "leave the choice out"
        )


def call(function: object, arguments: object, name: str, call_id: object = None) -> ToolCall:
    """A call; its arguments are an object, or JSON text of one. No text is no arguments.

    Raises:
        RowError: if the arguments are no JSON object.
    """
    called = function if isinstance(function, str) else text(function, f"{name}.name")
    given = {} if arguments is None or arguments == "" else arguments
    if isinstance(given, str):
        try:
            given = read_json(given, "the text")
        except RowError as error:
            raise RowError(
                f"{name} calls {called} with arguments that are no JSON object: {error}"
            ) from error
    if not isinstance(given, dict):
        raise RowError(
            f"{name} calls {called} with arguments that are no JSON object: {kind(given)}"
        )
    if not _FLAT.issuperset(map(type, given.values())):
        check_depth(given, f"the arguments of {called} in {name}")
    return ToolCall(name=called, arguments=given, id=name_of(call_id))


def any_call(found: Mapping[str, object], name: str) -> ToolCall:
    """A call by whichever fields it has for its name, its arguments and its id.

    Raises:
        RowError: if the arguments are no JSON object.
    """
    function = mapping(found.get("function", found), f"{name}.function")
    called, given = _first(function, _NAMES), _first(function, _ARGUMENTS)
    return call(called, given, name, _first(found, _IDS))


def _first(found: Mapping[str, object], fields: Sequence[str]) -> object:
    for field in fields:
        if (value := found.get(field)) is not None:
            return value
    return None


def openai_calls(message: Mapping[str, object], name: str) -> tuple[ToolCall, ...]:
    """The calls of an OpenAI message: `tool_calls`, or the deprecated `function_call`.

    Raises:
        RowError: if a call is none of a function, or its arguments are no object.
    """
    if _OF_CALLS.isdisjoint(message):
        return ()
    found: list[ToolCall] = []
    listed = message.get("tool_calls")
    if not listed and isinstance(more := message.get("additional_kwargs"), dict):
        listed = more.get("tool_calls")  # of LangChain
    for index, item in enumerate(items(listed or [], f"{name}.tool_calls")):
        place = f"{name}.tool_calls[{index}]"
        one = mapping(item, place)
        if one.get("type") == "custom":
            raise RowError(
                f"{place} calls a custom tool, whose input is no JSON; only functions are read"
            )
        found.append(any_call(one, place))
    if (old := message.get("function_call")) is not None:
        function = mapping(old, f"{name}.function_call")
        place = f"{name}.function_call"
        found.append(call(function.get("name"), function.get("arguments"), place))
    return tuple(found)


def check_depth(value: object, name: str, depth: int = 0) -> None:
    """Check that a value can be written as JSON and read again.

    Raises:
        RowError: if it is nested too deeply, or holds a number that JSON does not have.
    """
    if depth > _DEEPEST:
        raise RowError(f"{name} is nested more than {_DEEPEST} levels deep")
    if isinstance(value, dict):
        for item in value.values():
            check_depth(item, name, depth + 1)
    elif isinstance(value, list):
        for item in value:
            check_depth(item, name, depth + 1)
    elif isinstance(value, float) and not math.isfinite(value):
        raise RowError(f"{name} holds {value}, which is no number of JSON")


def _key(listed: list[object], name: str) -> bytes:
    """A list of tools as JSON; `json` takes three times as long."""
    try:
        return to_json(listed)
    except ValueError as error:
        raise RowError(f"{name} is nested more than {_DEEPEST} levels deep") from error


@lru_cache(maxsize=_ALIKE)
def _read_tools(listed: bytes, name: str) -> tuple[Tool, ...]:
    found: list[Tool | None] = []
    for index, item in enumerate(json.loads(listed)):
        place = f"{name}[{index}]"
        tool = mapping(parsed(item, place), place)
        for field in _DECLARED:
            if field in tool:
                declared = items(tool[field], f"{place}.{field}")
                found += [_tool(one, f"{place}.{field}[{i}]") for i, one in enumerate(declared)]
                break
        else:
            found.append(_tool(tool, place))
    return tuple(tool for tool in found if tool is not None)


def _tool(item: object, name: str) -> Tool | None:
    """A tool; None for a mark of Converse's that is none."""
    tool = mapping(item, name)
    if set(tool) == {"cachePoint"}:
        return None
    if "toolSpec" in tool:
        spec = mapping(tool["toolSpec"], f"{name}.toolSpec")
        schema = mapping(spec.get("inputSchema") or {}, f"{name}.toolSpec.inputSchema").get("json")
    elif "function" in tool:
        spec = mapping(tool["function"], f"{name}.function")
        schema = spec.get("parameters")
    elif any(field in tool for field in _SCHEMAS) or set(tool) <= _BARE:
        spec, schema = tool, next((tool[field] for field in _SCHEMAS if field in tool), None)
    else:
        what = tool.get("type") or next(iter(tool), "nothing")
        raise RowError(
            f"{name} is a tool of the kind {what!r}, which its provider runs; only functions "
            "can be learned"
        )
    parameters: dict[str, Any] = mapping(parsed(schema or {}, name), f"{name}.parameters")
    check_depth(parameters, f"{name}.parameters")
    parameters = _in_small_letters(parameters)
    described = spec.get("description")
    return Tool(
        name=text(spec.get("name"), f"{name}.name"),
        description=None if described is None else text(described, f"{name}.description"),
        parameters=parameters,
    )


def _in_small_letters(schema: Any) -> Any:
    """A schema whose types are JSON Schema's: Gemini's are in capitals."""
    if isinstance(schema, list):
        return [_in_small_letters(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        field: value.lower()
        if field == "type" and isinstance(value, str) and value in _CAPITALS
        else _in_small_letters(value)
        for field, value in schema.items()
    }


_CAPITALS = frozenset({"OBJECT", "STRING", "ARRAY", "INTEGER", "NUMBER", "BOOLEAN", "NULL"})
_SCHEMAS = ("input_schema", "parameters", "inputSchema", "parameters_json_schema")
"""Anthropic, OpenAI's Responses and Gemini, Vercel's AI SDK, Gemini's SDK."""
_DECLARED = ("functionDeclarations", "function_declarations")
"""Gemini puts all functions into one tool."""
_BARE = frozenset({"name", "description", "strict", "cache_control"})
"""Fields of a function that takes no arguments. A tool of a provider has a type besides."""


def _choice(value: object, name: str) -> ToolChoice:
    known: dict[str, ToolChoice] = {
        "auto": "auto", "none": "none", "required": "required", "any": "required"
    }  # fmt: skip
    if isinstance(value, str) and value in known:
        return known[value]
    choice: dict[str, object] = value if isinstance(value, dict) else {}
    for field in ("function", "tool"):
        if isinstance(choice.get(field), dict):
            choice = mapping(choice[field], name)
    if choice.get("name") is not None:
        return NamedTool(name=text(choice["name"], f"{name}.name"))
    told = choice.get("type") or next(iter(choice), None)
    if isinstance(told, str) and told in known:
        return known[told]
    raise RowError(f"{name} is {value!r}; it must be auto, none, required or the name of a tool")
