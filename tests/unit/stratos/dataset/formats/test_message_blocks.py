"""Messages and their blocks."""

from __future__ import annotations

from typing import Any

import pytest

from stratos.contracts.messages import Message
from stratos.dataset.formats.message_blocks import chat_of
from stratos.dataset.formats.row import RowError
from tests.unit.stratos.dataset.formats.rows import CALL

ARGUMENTS = dict(CALL.arguments)
CALLED = Message(role="assistant", content="", tool_calls=(CALL,))
TOLD = Message(role="tool", content="8 °C", tool_call_id="c1")

OPENAI: list[dict[str, Any]] = [
    {"role": "user", "content": "Bonn?"},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": "c1",
                "type": "function",
                "function": {"name": "weather", "arguments": '{"town": "Bonn"}'},
            }
        ],
    },
    {"role": "tool", "tool_call_id": "c1", "content": "8 °C"},
]
ANTHROPIC: list[dict[str, Any]] = [
    {"role": "user", "content": [{"type": "text", "text": "Bonn?"}]},
    {
        "role": "assistant",
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": "x"},
            {"type": "tool_use", "id": "c1", "name": "weather", "input": ARGUMENTS},
        ],
    },
    {
        "role": "user",
        "content": [
            {
                "type": "tool_result",
                "tool_use_id": "c1",
                "content": [{"type": "text", "text": "8 °C"}],
            }
        ],
    },
]
CONVERSE: list[dict[str, Any]] = [
    {"role": "user", "content": [{"text": "Bonn?"}, {"cachePoint": {"type": "default"}}]},
    {
        "role": "assistant",
        "content": [
            {"reasoningContent": {"reasoningText": {"text": "hm"}}},
            {"toolUse": {"toolUseId": "c1", "name": "weather", "input": ARGUMENTS}},
        ],
    },
    {
        "role": "user",
        "content": [
            {"toolResult": {"toolUseId": "c1", "content": [{"text": "8 °C"}], "status": "success"}}
        ],
    },
]


@pytest.mark.parametrize(
    "messages", [OPENAI, ANTHROPIC, CONVERSE], ids=["OpenAI", "Anthropic", "Converse"]
)
def test_calls_and_what_tools_answer_are_the_same_in_each_style(
    messages: list[dict[str, Any]],
) -> None:
    assert chat_of(messages, "m").messages == (
        Message(role="user", content="Bonn?"),
        CALLED,
        TOLD,
    )


def test_parts_of_a_text_are_joined_with_nothing() -> None:
    parts = [{"type": "text", "text": " a\n"}, {"type": "text", "text": ""}, {"text": "b "}]
    (message,) = chat_of([{"role": "user", "content": parts}], "m").messages
    assert message.content == " a\nb "


def test_text_after_a_result_is_a_message_of_its_own() -> None:
    blocks = [*ANTHROPIC[2]["content"], {"type": "text", "text": "And Ulm?"}]
    chat = chat_of([*ANTHROPIC[:2], {"role": "user", "content": blocks}], "m")
    assert [(m.role, m.content) for m in chat.messages[2:]] == [
        ("tool", "8 °C"),
        ("user", "And Ulm?"),
    ]


def test_a_result_that_is_json_is_its_text() -> None:
    result = {"toolResult": {"toolUseId": "c", "content": [{"json": {"t": 8, "e": "é"}}]}}
    (message,) = chat_of([{"role": "user", "content": [result]}], "m").messages
    assert message.content == '{"t": 8, "e": "é"}'


def test_guarded_and_cited_texts_are_texts() -> None:
    content = [
        {"guardContent": {"text": {"text": "a", "qualifiers": ["query"]}}},
        {"citationsContent": {"content": [{"text": "b"}], "citations": [{"title": "x"}]}},
    ]
    (message,) = chat_of([{"role": "user", "content": content}], "m").messages
    assert message.content == "ab"


def test_the_old_role_of_functions_and_developers_are_known() -> None:
    messages = [
        {"role": "developer", "content": "Be brief."},
        {"role": "function", "name": "weather", "content": "8 °C"},
    ]
    assert chat_of(messages, "m").messages == (
        Message(role="system", content="Be brief."),
        Message(role="tool", content="8 °C", name="weather"),
    )


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ({"content": "x", "weight": 0}, "not learned"),
        ({"content": None, "refusal": "I cannot."}, "refused"),
        ({"content": [{"type": "refusal", "refusal": "I cannot."}]}, "refused"),
        ({"content": None}, "empty"),
        ({"content": " \n"}, "empty"),
    ],
)
def test_a_reply_that_is_none_says_why(reply: dict[str, Any], why: str) -> None:
    asked = {"role": "user", "content": "a"}
    _, answer = chat_of([asked, {"role": "assistant", **reply}], "m").and_answer()
    assert (answer.reply, answer.lacks) == (None, why)


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ({"role": "user", "content": [{"type": "image_url"}]}, "other than text: image_url"),
        ({"role": "user", "content": [{"image": {}}, {"document": {}}]}, "text: document, image"),
        ({"role": "user", "content": None}, r"m\[0\]\.content is missing; it must be text"),
        ({"role": "judge", "content": "a"}, r"m\[0\]\.role is 'judge'"),
        ({"role": ["user"], "content": "a"}, r"m\[0\]\.role is \['user'\]"),
        ({"role": "user", "content": [{"type": ["text"], "text": "a"}]}, "content other than text"),
        ("hello", r"m\[0\] is text; it must be an object"),
    ],
)
def test_a_message_that_cannot_be_read_is_named(message: Any, told: str) -> None:
    with pytest.raises(RowError, match=told):
        chat_of([message], "m")


@pytest.mark.parametrize("role", ["user", "system", "developer"])
@pytest.mark.parametrize("content", ["", " Bonn? \u2028"])
def test_a_plain_text_is_read_as_its_block_is(role: str, content: str) -> None:
    others = {"name": "n", "weight": 0, "refusal": "r", "tool_calls": ["x"], "function_call": 1}
    block = [{"type": "text", "text": content}]
    plain = chat_of([{"role": role, "content": content, **others}], "messages")
    assert plain == chat_of([{"role": role, "content": block, **others}], "messages")
