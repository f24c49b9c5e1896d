"""A chat as every engine is asked it, and what its answer says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stratos.contracts.messages import Message, NamedTool, Tool, ToolCall, calls_text
from stratos.contracts.records import Record
from stratos.hosting.chat_request import UNREADABLE, Said, chat_request, record_request, said_in

ASKED = (Message(role="user", content="Where is Oslo?"),)
LOOK = Tool(name="look", description="Looks.", parameters={"type": "object"})
COUNT = Tool(name="count")


def names(request: dict[str, Any]) -> list[str]:
    return [tool["function"]["name"] for tool in request["tools"]]


def answer(finish_reason: str = "tool_calls", **message: Any) -> dict[str, Any]:
    return {"choices": [{"message": message, "finish_reason": finish_reason}]}


def call(arguments: Any, name: str = "look") -> dict[str, Any]:
    return {"id": "c", "type": "function", "function": {"name": name, "arguments": arguments}}


def test_a_chat_without_tools_says_nothing_of_them():
    request = chat_request(ASKED, "tiles", 8, tool_choice="required")
    assert request == {
        "model": "tiles",
        "messages": [{"role": "user", "content": "Where is Oslo?"}],
        "max_tokens": 8,
        "temperature": 0,
    }


@pytest.mark.parametrize("choice", [None, "auto", "none", "required"])
def test_a_records_tools_and_choice_go_with_its_question(choice):
    record = Record(id="r", messages=ASKED, tools=(LOOK, COUNT), tool_choice=choice)
    request = record_request(record, "tiles", 8)
    assert names(request) == ["look", "count"]
    assert request["tools"][0] == {
        "type": "function",
        "function": {"name": "look", "description": "Looks.", "parameters": {"type": "object"}},
    }
    assert request.get("tool_choice") == choice


def test_a_named_tool_is_the_only_one_offered_and_a_call_is_required():
    request = chat_request(ASKED, "tiles", 8, (LOOK, COUNT), NamedTool(name="count"))
    assert (names(request), request["tool_choice"]) == (["count"], "required")
    with pytest.raises(ValueError, match="'add' is to be called; the tools are look, count"):
        chat_request(ASKED, "tiles", 8, (LOOK, COUNT), NamedTool(name="add"))


def test_calls_of_the_past_are_written_as_text_of_json():
    past = Message(
        role="assistant", content="", tool_calls=(ToolCall(name="look", arguments={"n": 1}),)
    )
    (written,) = chat_request((past,), "tiles", 8)["messages"]
    assert json.loads(written["tool_calls"][0]["function"]["arguments"]) == {"n": 1}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (answer("stop", content="In Norway."), Said("In Norway.")),
        (answer("stop", content=None), Said("")),
        (answer("length", content="In"), Said("In", finished=False)),
        (
            answer(content=None, tool_calls=[call('{"n": 1}')]),
            Said("", (ToolCall(name="look", arguments={"n": 1}, id="c"),)),
        ),
        (
            answer(tool_calls=[call("{}"), call("", "count")]),
            Said(
                "",
                (ToolCall(name="look", id="c"), ToolCall(name="count", id="c")),
            ),
        ),
    ],
)
def test_an_answer_is_read_with_its_calls_and_how_it_ended(body, said):
    assert said_in(body) == said


@pytest.mark.parametrize("arguments", ['{"n": ', "[1]", "3", "[" * 100_000])
def test_arguments_that_are_no_object_are_kept_and_equal_no_gold_answer(arguments):
    (found,) = said_in(answer(content="", tool_calls=[call(arguments)])).calls
    assert (found.name, found.arguments) == ("look", {UNREADABLE: arguments})
    assert json.loads(calls_text([found])) != [{"name": "look", "arguments": {}}]


@pytest.mark.parametrize("message", [{}, {"content": "", "tool_calls": [{"id": "c"}]}])
def test_what_is_no_completion_is_not_read(message):
    with pytest.raises(LookupError):
        said_in(answer(**message))
