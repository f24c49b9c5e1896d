"""Records put to an endpoint, and their answers judged."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambdas.aws.chat import Chat
from stratos.contracts.messages import Message, NamedTool, Tool, ToolCall, calls_text
from stratos.contracts.records import Record
from stratos.measuring.load import BrokenAnswer
from tests import factories

LOOK = Tool(name="look", parameters={"type": "object"})
RIGHT = (ToolCall(name="look", arguments={"n": 1}),)


class Endpoint:
    """Answers each request alike, and keeps them."""

    def __init__(self, content: str | None, *arguments: str, finish: str = "tool_calls") -> None:
        calls = [
            {"id": "c", "type": "function", "function": {"name": "look", "arguments": text}}
            for text in arguments
        ]
        message: dict[str, Any] = {"role": "assistant", "content": content}
        self._choice = {"message": message | ({"tool_calls": calls} if calls else {})}
        self._choice["finish_reason"] = finish
        self.asked: list[dict[str, Any]] = []

    def ask(self, body: bytes) -> bytes:
        self.asked.append(json.loads(body))
        usage = {"prompt_tokens": 30, "completion_tokens": 4}
        return json.dumps({"choices": [self._choice], "usage": usage}).encode()


def chat_with(endpoint: Endpoint, verifier: str = "tool_call") -> Chat:
    task = factories.spec(task={"dataset": "d.jsonl", "verifier": {"kind": verifier}}).task
    return Chat(endpoint.ask, "tiles", task, 8)


def record(*calls: ToolCall, **changes: Any) -> Record:
    asked = (Message(role="user", content="Where?"),)
    told = {"tools": (LOOK,), "gold": calls_text(calls)} | changes
    return Record(id="r", messages=asked, **told)


@pytest.mark.parametrize(
    ("endpoint", "gold", "right"),
    [
        (Endpoint(None, '{"n": 1.0}'), RIGHT, True),
        (Endpoint("I look.", '{"n": 1}'), RIGHT, True),
        (Endpoint(None, '{"n": 2}'), RIGHT, False),
        (Endpoint(None, '{"n": 1}', '{"n": 1}'), RIGHT, False),
        (Endpoint(None, '{"n": '), RIGHT, False),
        (Endpoint("Nowhere.", finish="stop"), RIGHT, False),
        (Endpoint("Nowhere.", finish="stop"), (), True),
        (Endpoint(None, '{"n": 1}'), (), False),
        (Endpoint(None, '{"n": 1}', finish="length"), RIGHT, False),
    ],
)
def test_calls_are_judged_as_values_and_no_call_is_an_answer(endpoint, gold, right):
    assert chat_with(endpoint).ask(record(*gold)).correct is right


def test_a_record_is_asked_with_its_tools_and_its_choice():
    endpoint = Endpoint(None, '{"n": 1}')
    chat_with(endpoint).ask(record(*RIGHT, tool_choice=NamedTool(name="look")), max_tokens=1)
    (asked,) = endpoint.asked
    assert [tool["function"]["name"] for tool in asked["tools"]] == ["look"]
    assert (asked["tool_choice"], asked["max_tokens"]) == ("required", 1)


def test_text_beside_calls_is_what_other_verifiers_read():
    endpoint = Endpoint("Oslo", '{"n": 1}')
    assert chat_with(endpoint, "exact").ask(record(gold="Oslo")).correct is True


def test_calls_that_are_none_are_a_broken_answer():
    endpoint = Endpoint(None, "{}")
    endpoint._choice["message"]["tool_calls"] = [{"id": "c"}]
    with pytest.raises(BrokenAnswer, match="no answer that can be read"):
        chat_with(endpoint).ask(record())
