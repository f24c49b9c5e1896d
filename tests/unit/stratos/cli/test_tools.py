"""Tools as a user writes them."""

from __future__ import annotations

import json

import pytest

from stratos.cli.tools import choice_in, choice_named, read_tools, tools_in
from stratos.contracts.messages import NamedTool, Tool

LOOK = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}


@pytest.mark.parametrize("given", [[LOOK], {"tools": [LOOK]}])
def test_a_file_holds_a_list_of_tools_or_an_object_with_one(tmp_path, given):
    path = tmp_path / "tools.json"
    path.write_text(json.dumps(given))
    assert read_tools(path) == (Tool(name="look", parameters={"type": "object"}),)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({}, "tools are a list"),
        ([], "tools are a list"),
        (["look"], '"look" is no tool'),
        ([{"type": "function", "function": {}}], "is no tool"),
        ([LOOK, LOOK], "tool 'look' is there twice"),
        ([{"function": {"name": "two words"}}], "'two words' is no name of a tool"),
        ([{"function": {"name": "a", "parameters": 3}}], "tool 'a': parameters"),
        (
            [{"function": {"name": "a", "parameters": {"type": "nonsense"}}}],
            "parameters of tool 'a': not a JSON Schema",
        ),
    ],
)
def test_what_is_no_tool_is_refused_in_words(tmp_path, given, problem):
    with pytest.raises(ValueError, match=problem):
        tools_in(given)
    path = tmp_path / "tools.json"
    path.write_text(json.dumps(given))
    with pytest.raises(ValueError, match=r"tools\.json: "):
        read_tools(path)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(ValueError, match="cannot be read"):
        read_tools(tmp_path / "nothing.json")


def test_a_choice_is_a_word_or_a_tool_that_is_offered():
    tools = tools_in([LOOK])
    assert choice_named("required", tools) == "required"
    assert choice_named("look", tools) == NamedTool(name="look")
    with pytest.raises(ValueError, match="'count' is no choice; give one of auto, none"):
        choice_named("count", tools)


def test_a_choice_in_a_request_is_one_of_openais():
    named = {"type": "function", "function": {"name": "look"}}
    assert choice_in(named) == NamedTool(name="look")
    assert (choice_in(None), choice_in("none")) == (None, "none")
    for wrong in ("any", {"name": "look"}, 3):
        with pytest.raises(ValueError, match="`tool_choice` is"):
            choice_in(wrong)
