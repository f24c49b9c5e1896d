"""Tools, choices and calls in each way of writing them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stratos.contracts.messages import NamedTool, Tool, ToolCall
from stratos.dataset.formats.row import RowError
from stratos.dataset.formats.tool_fields import openai_calls, tool_choice_of, tools_of
from tests.unit.stratos.dataset.formats.rows import TOOL

SPEC = {"name": TOOL["name"], "description": TOOL["description"]}
SCHEMA = TOOL["parameters"]


@pytest.mark.parametrize(
    "row",
    [
        {"tools": [{"type": "function", "function": TOOL}]},
        {"tools": [{"type": "function", "strict": True, **TOOL}]},
        {"functions": [TOOL]},
        {"tools": [{**SPEC, "input_schema": SCHEMA, "cache_control": {"type": "ephemeral"}}]},
        {
            "toolConfig": {
                "tools": [
                    {"toolSpec": {**SPEC, "inputSchema": {"json": SCHEMA}}},
                    {"cachePoint": {"type": "default"}},
                ]
            }
        },
        {"tools": json.dumps([TOOL])},
    ],
    ids=["OpenAI", "Responses", "functions", "Anthropic", "Converse", "JSON in text"],
)
def test_tools_are_the_same_however_they_are_written(row: dict[str, Any]) -> None:
    assert tools_of(row) == (Tool.model_validate(TOOL),)


@pytest.mark.parametrize("row", [{}, {"tools": None}, {"tools": []}, {"toolConfig": {}}])
def test_no_tools_are_none(row: dict[str, Any]) -> None:
    assert tools_of(row) is None


def test_a_tool_that_its_provider_runs_is_refused_by_name() -> None:
    row = {"tools": [{"type": "web_search_20250305", "name": "web_search", "max_uses": 5}]}
    with pytest.raises(RowError, match=r"tools\[0\] is a tool of the kind 'web_search_20250305'"):
        tools_of(row)


@pytest.mark.parametrize(
    ("row", "choice"),
    [
        ({}, None),
        ({"tool_choice": "auto"}, "auto"),
        ({"tool_choice": "required"}, "required"),
        ({"tool_choice": {"type": "none"}}, "none"),
        ({"tool_choice": {"type": "any"}}, "required"),
        ({"toolConfig": {"toolChoice": {"any": {}}}}, "required"),
        ({"toolConfig": {"toolChoice": {"auto": {}}}}, "auto"),
        ({"function_call": "none"}, "none"),
        ({"tool_choice": {"type": "function", "function": {"name": "f"}}}, NamedTool(name="f")),
        ({"tool_choice": {"type": "tool", "name": "f"}}, NamedTool(name="f")),
        ({"toolConfig": {"toolChoice": {"tool": {"name": "f"}}}}, NamedTool(name="f")),
        ({"function_call": {"name": "f"}}, NamedTool(name="f")),
    ],
)
def test_a_choice_is_the_same_however_it_is_written(row: dict[str, Any], choice: object) -> None:
    assert tool_choice_of(row) == choice


@pytest.mark.parametrize("choice", ["perhaps", {"type": ["auto"]}])
def test_a_choice_of_no_known_kind_is_refused(choice: object) -> None:
    with pytest.raises(RowError, match="must be auto, none, required or the name of a tool"):
        tool_choice_of({"tool_choice": choice})


def called(arguments: object) -> tuple[ToolCall, ...]:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}
    return openai_calls({"tool_calls": [call]}, "messages[1]")


@pytest.mark.parametrize("arguments", ['{"a": 1}', {"a": 1}])
def test_arguments_are_an_object_or_its_json(arguments: object) -> None:
    assert called(arguments) == (ToolCall(name="f", arguments={"a": 1}, id="c"),)


@pytest.mark.parametrize("arguments", ["", None, "{}"])
def test_a_call_without_arguments_has_none(arguments: object) -> None:
    assert called(arguments)[0].arguments == {}


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ("[1]", "a list"),
        ("4", "a number"),
        ('{"a": ', "is not JSON"),
        ("hello", "is not JSON"),
        ([1], "a list"),
        ('{"a": NaN}', "no number of JSON"),
        ('{"a":' * 100 + "1" + "}" * 100, "nested more than 64 levels"),
        ('{"a":' * 100_000, "is not JSON that can be read"),
        ('{"a": "\\ud800"}', "half of a surrogate pair"),
    ],
)
def test_arguments_that_are_no_object_are_told_with_the_tools_name(
    arguments: object, found: str
) -> None:
    with pytest.raises(RowError, match=rf"(?s)\bf\b.*{found}"):
        called(arguments)


def test_a_custom_tools_call_is_refused() -> None:
    message = {"tool_calls": [{"type": "custom", "custom": {"name": "f", "input": "x"}}]}
    with pytest.raises(RowError, match="calls a custom tool"):
        openai_calls(message, "m")


def test_the_deprecated_call_is_one_without_an_id() -> None:
    message = {"function_call": {"name": "f", "arguments": '{"a": "é"}'}}
    assert openai_calls(message, "m") == (ToolCall(name="f", arguments={"a": "é"}),)
