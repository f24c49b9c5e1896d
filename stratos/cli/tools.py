"""Tools that a user offers, in a file or in a line of a batch, as OpenAI's chat schema has them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from stratos.contracts.messages import NamedTool, Tool, ToolChoice
from stratos.spec.json_schema import check_schema

_CHOICES: dict[str, ToolChoice] = {"auto": "auto", "none": "none", "required": "required"}
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def read_tools(path: Path) -> tuple[Tool, ...]:
    """The tools of a JSON file: a list of them, or an object with `tools`.

    Raises:
        ValueError: it holds none that can be offered.
    """
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read: {error}; give a JSON file") from None
    if isinstance(given, dict):
        given = given.get("tools")
    try:
        return tools_in(given)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def tools_in(given: object) -> tuple[Tool, ...]:
    """Tools as requests name them.

    Raises:
        ValueError: what is none.
    """
    if not isinstance(given, list) or not given:
        raise ValueError('tools are a list of {"type": "function", "function": {…}}')
    tools = tuple(_tool(item) for item in given)
    names = [tool.name for tool in tools]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"tool {twice[0]!r} is there twice; give each a name of its own")
    return tools


def choice_named(text: str, tools: Sequence[Tool]) -> ToolChoice:
    """A choice as the command line names it: `auto`, `none`, `required`, or a tool.

    Raises:
        ValueError: there is no such tool.
    """
    if text in _CHOICES:
        return _CHOICES[text]
    names = [tool.name for tool in tools]
    if text not in names:
        raise ValueError(
            f"{text!r} is no choice; give one of {', '.join((*_CHOICES, *names))}, which are the "
            "ways to choose and the tools offered"
        )
    return NamedTool(name=text)


def choice_in(given: object) -> ToolChoice | None:
    """A choice as requests name it.

    Raises:
        ValueError: it is none.
    """
    match given:
        case None | "auto" | "none" | "required":
            return given
        case {"type": "function", "function": {"name": str(name)}}:
            return NamedTool(name=name)
    raise ValueError(
        f"`tool_choice` is {given!r}; it must be {', '.join(_CHOICES)}, or "
        '{"type": "function", "function": {"name": …}}'
    )


def _tool(item: object) -> Tool:
    function = item.get("function") if isinstance(item, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise ValueError(
            f'{json.dumps(item)[:100]} is no tool; a tool is {{"type": "function", "function": '
            '{"name": …, "parameters": {…}}}'
        )
    name = function["name"]
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a tool; use up to 64 letters, digits and _ . -")
    told: dict[str, Any] = {
        key: function[key]
        for key in ("name", "description", "parameters")
        if function.get(key) is not None
    }
    try:
        tool = Tool.model_validate(told)
        check_schema(dict(tool.parameters))
    except ValidationError as error:
        told_by = error.errors()[0]
        raise ValueError(f"tool {name!r}: {told_by['loc'][0]}: {told_by['msg']}") from None
    except ValueError as error:
        raise ValueError(f"parameters of tool {name!r}: {error}") from None
    return tool
