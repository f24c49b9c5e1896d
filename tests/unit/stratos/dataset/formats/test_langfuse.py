"""Observations of Langfuse, as the frameworks fill them that Langfuse has samples of.

The shapes are those of `packages/shared/scripts/seeder/utils/framework-traces` in its repository.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from stratos.contracts.messages import Message, Tool, ToolCall
from stratos.dataset.formats.detection import detect_format, read_fields
from stratos.dataset.formats.langfuse import langfuse_row
from stratos.dataset.formats.row import ParsedRow, RowError
from tests.unit.stratos.dataset.formats.rows import ASKED, CALL, TOOL, reply_of


def test_what_langfuse_observed_is_read_and_what_calls_no_model_is_passed() -> None:
    row = {"traceId": "t", "sessionId": "s", "type": "GENERATION", "input": ASKED, "output": "4"}
    read = langfuse_row(row)
    assert (read.conversation, reply_of(read).content) == ("s", "4")
    assert langfuse_row({**row, "level": "ERROR"}).answer.lacks == "error"
    assert langfuse_row({**row, "type": "SPAN"}).answer.lacks == "no call"
    assert langfuse_row({**row, "input": None}).answer.lacks == "no call"


def test_an_answer_of_langfuse_that_is_json_stays_text() -> None:
    row = {"traceId": "t", "input": ASKED, "output": '{"label":  "x"}'}
    assert reply_of(langfuse_row(row)).content == '{"label":  "x"}'


QUESTION = Message(role="user", content="2+2?")
SYSTEM = Message(role="system", content="Be brief.")
ARGUMENTS = CALL.arguments
FUNCTION = {"name": CALL.name, "arguments": ARGUMENTS}
IN_PARTS = [
    {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
    {"role": "user", "parts": [{"type": "text", "content": "2+2?"}]},
]
CALLED_IN_PARTS = {
    "role": "assistant",
    "parts": [{"type": "tool_call", "id": "c", **FUNCTION}],
    "finish_reason": "tool_call",
}
TOLD_IN_PARTS = {
    "role": "user",
    "parts": [{"type": "tool_call_response", "id": "c", "name": CALL.name, "result": "sun"}],
}
SAID_IN_PARTS = {"role": "assistant", "parts": [{"type": "text", "content": "4"}]}
GEMINI = {
    "model": "m",
    "config": {
        "system_instruction": "Be brief.",
        "tools": [{"function_declarations": [{"name": "add"}]}],
    },
}
GEMINI_CALL = {"function_call": {"name": CALL.name, "args": ARGUMENTS}}


def observed(asked: Any, output: Any, **fields: Any) -> ParsedRow:
    """A generation as it is exported, read."""
    row = {
        "id": "o",
        "traceId": "t",
        "parentObservationId": None,
        "type": "GENERATION",
        "level": "DEFAULT",
        "input": asked,
        "output": output,
    }
    read = read_fields(row | fields, detect_format(row | fields))
    assert isinstance(read, ParsedRow)
    return read


@pytest.mark.parametrize(
    ("asked", "output"),
    [
        (IN_PARTS, [SAID_IN_PARTS]),
        (json.dumps(IN_PARTS), json.dumps([SAID_IN_PARTS])),
        (
            GEMINI | {"contents": [{"parts": [{"text": "2+2?"}], "role": "user"}]},
            {"content": {"parts": [{"text": "4"}], "role": "model"}, "finish_reason": "STOP"},
        ),
        (
            GEMINI | {"contents": "2+2?"},
            {
                "candidates": [
                    {
                        "content": {
                            "parts": [{"text": "Two and two…", "thought": True}, {"text": "4"}]
                        },
                        "finish_reason": "STOP",
                    }
                ]
            },
        ),
        (
            {
                "contents": [{"parts": [{"text": "2+2?"}]}],
                "systemInstruction": {"parts": [{"text": "Be brief."}]},
            },
            {"candidates": [{"content": {"parts": [{"text": "4"}]}, "finishReason": "STOP"}]},
        ),
        (
            [{"role": "system", "content": "Be brief."}, *ASKED],
            {
                "content": "4",
                "additional_kwargs": {},
                "response_metadata": {"finish_reason": "STOP"},
                "type": "AIMessageChunk",
                "tool_calls": [],
            },
        ),
        (
            ASKED,
            {
                "object": "response",
                "instructions": "Be brief.",
                "output": [
                    {"type": "message", "content": [{"type": "output_text", "text": "4"}]}
                ],
            },
        ),
    ],
    ids=[
        "OpenTelemetry", "JSON in text", "Gemini's agents", "Gemini", "Gemini as JSON",
        "LangChain", "OpenAI's agents",
    ],
)  # fmt: skip
def test_what_a_framework_passes_on_is_a_conversation(asked: Any, output: Any) -> None:
    read = observed(asked, output)
    assert read.messages == (SYSTEM, QUESTION)
    assert reply_of(read) == Message(role="assistant", content="4")


@pytest.mark.parametrize(
    ("asked", "output"),
    [
        ([*IN_PARTS[1:], CALLED_IN_PARTS, TOLD_IN_PARTS], [SAID_IN_PARTS]),
        (IN_PARTS[1:], [CALLED_IN_PARTS, TOLD_IN_PARTS, SAID_IN_PARTS]),
        (
            {
                "contents": [
                    {"role": "user", "parts": [{"text": "2+2?"}]},
                    {"role": "model", "parts": [GEMINI_CALL]},
                    {
                        "role": "user",
                        "parts": [
                            {"functionResponse": {"name": CALL.name, "response": {"sky": "sun"}}}
                        ],
                    },
                ]
            },
            {"candidates": [{"content": {"parts": [{"text": "4"}]}}]},
        ),
        (
            [
                *ASKED,
                {"role": "tool", "content": [{"function": FUNCTION, "type": "function"}]},
                {"role": "tool", "content": "sun"},
            ],
            [{"content": "4", "role": "assistant"}],
        ),
        (
            [
                *ASKED,
                {
                    "role": "assistant",
                    "content": "",
                    "additional_kwargs": {"tool_calls": [{"id": "c", "function": FUNCTION}]},
                },
                {"role": "tool", "content": [{"sky": "sun"}], "tool_call_id": "c"},
            ],
            {"role": "assistant", "content": "4", "additional_kwargs": {"refusal": None}},
        ),
        (
            [
                *ASKED,
                {"type": "function_call", "call_id": "c", "id": "f", **FUNCTION},
                {"type": "function_call_output", "call_id": "c", "output": "sun"},
            ],
            {
                "object": "response",
                "output": [
                    {"type": "message", "content": [{"type": "output_text", "text": "4"}]}
                ],
            },
        ),
        (
            [
                {"role": "user", "content": [{"type": "text", "text": "2+2?"}]},
                {
                    "role": "assistant",
                    "content": [
                        {
                            "type": "tool-call",
                            "toolCallId": "c",
                            "toolName": CALL.name,
                            "input": ARGUMENTS,
                        }
                    ],
                },
                {
                    "role": "tool",
                    "content": [
                        {
                            "type": "tool-result",
                            "toolCallId": "c",
                            "toolName": CALL.name,
                            "output": {"type": "text", "value": "sun"},
                        }
                    ],
                },
            ],
            "4",
        ),
    ],
    ids=[
        "OpenTelemetry", "an agent's way", "Gemini", "Koog", "LangGraph", "OpenAI's agents",
        "AI SDK",
    ],
)  # fmt: skip
def test_calls_and_their_results_are_read(asked: Any, output: Any) -> None:
    read = observed(asked, output)
    question, called, told = read.messages
    assert question == QUESTION
    assert called.role == "assistant"
    assert [(call.name, call.arguments) for call in called.tool_calls or ()] == [
        (CALL.name, ARGUMENTS)
    ]
    assert told.role == "tool"
    assert "sun" in told.content
    assert told.tool_call_id == (called.tool_calls or ())[0].id
    assert reply_of(read).content == "4"


@pytest.mark.parametrize(
    "output",
    [
        [{**CALLED_IN_PARTS, "parts": [*CALLED_IN_PARTS["parts"], *CALLED_IN_PARTS["parts"]]}],
        [CALLED_IN_PARTS, CALLED_IN_PARTS],
        [{"role": "assistant", "content": [{"type": "function", "function": FUNCTION}]}] * 2,
        [{"toolCallId": "c", "toolName": CALL.name, "args": json.dumps(ARGUMENTS)}] * 2,
        {"content": {"parts": [GEMINI_CALL, GEMINI_CALL]}, "finish_reason": "STOP"},
        {"role": "assistant", "content": "", "tool_calls": [{"function": FUNCTION}] * 2},
        {
            "content": "",
            "response_metadata": {},
            "tool_calls": [{"type": "tool_call", "name": CALL.name, "args": ARGUMENTS}] * 2,
        },
        {"object": "response", "output": [{"type": "function_call", **FUNCTION}] * 2},
    ],
    ids=[
        "OpenTelemetry", "messages of their own", "Koog", "AI SDK", "Gemini", "OpenAI",
        "LangChain", "Responses",
    ],
)  # fmt: skip
def test_all_calls_of_an_answer_are_read(output: Any) -> None:
    read = observed(ASKED, output)
    assert read.messages == (QUESTION,)
    calls = reply_of(read).tool_calls or ()
    assert [(call.name, call.arguments) for call in calls] == [(CALL.name, ARGUMENTS)] * 2


@pytest.mark.parametrize(
    ("asked", "fields"),
    [
        ({"messages": ASKED, "tools": [{"type": "function", "function": TOOL}]}, {}),
        ({"messages": ASKED, "tools": [json.dumps({"type": "function", **TOOL})]}, {}),
        ([*ASKED, {"role": "tool", "content": {"type": "function", "function": TOOL}}], {}),
        ({"contents": "2+2?", "tools": [{"functionDeclarations": [TOOL]}]}, {}),
        (
            ASKED,
            {
                "toolDefinitions": {
                    TOOL["name"]: json.dumps(
                        {
                            "description": TOOL["description"],
                            "parameters": json.dumps(TOOL["parameters"]),
                        }
                    )
                }
            },
        ),
    ],
    ids=["OpenAI", "AI SDK", "LangChain", "Gemini", "found by Langfuse"],
)
def test_tools_are_read_wherever_they_stand(asked: Any, fields: dict[str, Any]) -> None:
    read = observed(asked, "4", **fields)
    assert read.messages == (QUESTION,)
    assert read.tools == (Tool.model_validate(TOOL),)


def test_types_of_gemini_are_those_of_json_schema() -> None:
    schema = {"type": "OBJECT", "properties": {"type": {"type": "STRING", "enum": ["STRING"]}}}
    declared = {"name": "f", "parameters": schema}
    read = observed({"contents": "?", "tools": [{"functionDeclarations": [declared]}]}, "4")
    (tool,) = read.tools or ()
    properties = {"type": {"type": "string", "enum": ["STRING"]}}
    assert tool.parameters == {"type": "object", "properties": properties}


@pytest.mark.parametrize(
    ("output", "lacks"),
    [
        ([{**SAID_IN_PARTS, "finish_reason": "length"}], "cut"),
        ({"candidates": [{"finishReason": "SAFETY"}]}, "refused"),
        ({"candidates": [{"content": {"parts": [{"text": "4"}]}, "finishReason": "MAX_TOKENS"}]},
         "cut"),
    ],
)  # fmt: skip
def test_why_a_reply_ended_is_told(output: Any, lacks: str) -> None:
    assert observed(IN_PARTS, output).answer.lacks == lacks


def test_the_only_text_that_a_decorated_function_was_given_is_the_question() -> None:
    assert observed({"args": ["2+2?"], "kwargs": {}}, "4").messages == (QUESTION,)
    with pytest.raises(RowError, match="input asks nothing that is known; found args"):
        observed({"args": ["2+2?", 3]}, "4")


@pytest.mark.parametrize("kind", ["AGENT", "CHAIN"])
def test_an_agent_or_a_chain_without_a_conversation_is_no_call(kind: str) -> None:
    assert observed({"new_message": {}, "user_id": "u"}, "4", type=kind).answer.lacks == "no call"


def test_a_span_without_input_at_the_head_of_an_export_is_told() -> None:
    span = {"id": "o", "traceId": "t", "type": "SPAN", "parentObservationId": None, "output": None}
    snake = {"id": "o", "trace_id": "t", "type": "SPAN", "parent_observation_id": None}
    for row in (span, snake):
        assert detect_format(row) == "langfuse"
        assert langfuse_row(row).answer.lacks == "no call"


def test_arguments_stay_a_calls_own_whatever_their_field_is_called() -> None:
    called = {"name": "f", "args": {"a": 1}, "id": "x", "type": "tool_call"}
    read = observed(ASKED, {"role": "assistant", "content": "", "tool_calls": [called]})
    assert reply_of(read).tool_calls == (ToolCall(name="f", arguments={"a": 1}, id="x"),)


def test_calls_of_openais_that_stand_in_messages_one_behind_the_other_were_made_at_once() -> None:
    said = [
        {
            "role": "assistant",
            "content": text,
            "tool_calls": [
                {"id": name, "type": "function", "function": {"name": name, "arguments": "{}"}}
            ],
        }
        for name, text in (("f", "Both"), ("g", None))
    ]
    reply = reply_of(observed(ASKED, said))
    assert reply.content == "Both"
    assert reply.tool_calls == tuple(ToolCall(name=one, arguments={}, id=one) for one in "fg")
