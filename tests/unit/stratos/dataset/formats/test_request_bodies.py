"""What is asked in the bodies of requests."""

from __future__ import annotations

from typing import Any

import pytest

from stratos.contracts.messages import Message, Tool
from stratos.dataset.formats.request_bodies import asked_in
from stratos.dataset.formats.row import LoggedAnswer, RowError, said
from tests.unit.stratos.dataset.formats.rows import CALL, TOOL

ASKED = (
    Message(role="system", content="Be brief."),
    Message(role="user", content="Hi"),
    Message(role="assistant", content="Hello"),
    Message(role="user", content="2+2?"),
)
TURNS = [{"role": m.role, "content": m.content} for m in ASKED]
BODIES: dict[str, Any] = {
    "OpenAI": {"model": "m", "messages": TURNS},
    "messages alone": TURNS,
    "Anthropic": {"system": "Be brief.", "messages": TURNS[1:]},
    "Anthropic, system in blocks": {
        "system": [{"type": "text", "text": "Be "}, {"type": "text", "text": "brief."}],
        "messages": TURNS[1:],
    },
    "Converse": {
        "system": [{"text": "Be brief."}, {"cachePoint": {"type": "default"}}],
        "messages": [{**m, "content": [{"text": m["content"]}]} for m in TURNS[1:]],
    },
    "Command R": {
        "preamble": "Be brief.",
        "chat_history": [
            {"role": "USER", "message": "Hi"},
            {"role": "CHATBOT", "message": "Hello"},
        ],
        "message": "2+2?",
    },
    "Responses": {"instructions": "Be brief.", "input": TURNS[1:]},
}


@pytest.mark.parametrize("provider", BODIES)
def test_a_conversation_is_the_same_in_each_request(provider: str) -> None:
    assert asked_in(BODIES[provider], "request").chat.messages == ASKED


@pytest.mark.parametrize("field", ["prompt", "inputText", "input", "message"])
def test_a_prompt_is_a_users_message_as_it_stands(field: str) -> None:
    prompt = "\n\nWhat is 2+2?\n"
    chat = asked_in({field: prompt}, "request").chat
    assert chat.messages == (Message(role="user", content=prompt),)


def test_items_of_responses_are_calls_and_what_answers_them() -> None:
    items = [
        {"role": "user", "content": [{"type": "input_text", "text": "Bonn?"}]},
        {"type": "reasoning", "summary": []},
        {
            "type": "function_call",
            "call_id": "c1",
            "name": "weather",
            "arguments": '{"town": "Bonn"}',
        },
        {"type": "function_call_output", "call_id": "c1", "output": "8 °C"},
    ]
    asked = asked_in({"input": items, "tools": [{"type": "function", **TOOL}]}, "request")
    assert asked.tools == (Tool.model_validate(TOOL),)
    assert asked.chat.messages[1:] == (
        Message(role="assistant", content="", tool_calls=(CALL,)),
        Message(role="tool", content="8 °C", tool_call_id="c1"),
    )


def test_what_is_put_into_an_assistants_mouth_is_no_question() -> None:
    row = asked_in([*TURNS, {"role": "assistant", "content": "{"}], "m").answered(said('"a": 1}'))
    assert (row.messages, row.answer) == (ASKED, said('"a": 1}'))


def test_without_a_reply_there_is_none() -> None:
    assert asked_in(TURNS, "m").row().answer == LoggedAnswer(lacks="absent")


def test_a_request_that_asks_nothing_known_is_told_with_its_fields() -> None:
    with pytest.raises(RowError, match="request asks nothing that is known; found a, b"):
        asked_in({"a": 1, "b": 2}, "request")
