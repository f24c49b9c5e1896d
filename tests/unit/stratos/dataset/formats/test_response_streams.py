"""Responses as the events they were streamed as."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos.contracts.messages import Message, ToolCall
from stratos.dataset.formats.response_bodies import answer_of
from stratos.dataset.formats.row import RowError

CALL = ToolCall(name="weather", arguments={"town": "Bonn"}, id="c1")


def anthropic(*deltas: str, reason: str = "end_turn") -> list[dict[str, Any]]:
    block = {
        "type": "content_block_start",
        "index": 0,
        "content_block": {"type": "text", "text": ""},
    }
    return [
        {"type": "message_start", "message": {"role": "assistant", "content": []}},
        {"type": "ping"},
        block,
        *(
            {
                "type": "content_block_delta",
                "index": 0,
                "delta": {"type": "text_delta", "text": delta},
            }
            for delta in deltas
        ),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": reason}},
        {"type": "message_stop", "amazon-bedrock-invocationMetrics": {"inputTokenCount": 1}},
    ]


def converse(*deltas: str, reason: str = "end_turn") -> list[dict[str, Any]]:
    return [
        {"messageStart": {"role": "assistant"}},
        *(
            {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": delta}}}
            for delta in deltas
        ),
        {"contentBlockStop": {"contentBlockIndex": 0}},
        {"messageStop": {"stopReason": reason}},
        {"metadata": {"usage": {"inputTokens": 1}}},
    ]


def openai(*deltas: str, reason: str = "stop") -> list[dict[str, Any]]:
    return [
        {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]},
        *({"choices": [{"index": 0, "delta": {"content": delta}}]} for delta in deltas),
        {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]},
        {"choices": [], "usage": {"total_tokens": 3}},
    ]


def claude_2(*deltas: str, reason: str = "stop_sequence") -> list[dict[str, Any]]:
    return [
        *({"completion": delta, "stop_reason": None, "stop": None} for delta in deltas),
        {"completion": "", "stop_reason": reason, "stop": "\n\nHuman:"},
    ]


def titan(*deltas: str, reason: str = "FINISH") -> list[dict[str, Any]]:
    return [
        *({"outputText": delta, "index": 0, "completionReason": None} for delta in deltas),
        {"outputText": "", "index": 0, "completionReason": reason},
    ]


def llama(*deltas: str, reason: str = "stop") -> list[dict[str, Any]]:
    return [
        *({"generation": delta, "stop_reason": None} for delta in deltas),
        {"generation": "", "stop_reason": reason},
    ]


def mistral(*deltas: str, reason: str = "stop") -> list[dict[str, Any]]:
    return [
        *({"outputs": [{"text": delta, "stop_reason": None}]} for delta in deltas),
        {"outputs": [{"text": "", "stop_reason": reason}]},
    ]


def command_r(*deltas: str, reason: str = "COMPLETE") -> list[dict[str, Any]]:
    return [
        *({"event_type": "text-generation", "text": delta} for delta in deltas),
        {"event_type": "stream-end", "finish_reason": reason, "text": "".join(deltas)},
    ]


STREAMS = [anthropic, converse, openai, claude_2, titan, llama, mistral, command_r]
CUT = {
    anthropic: "max_tokens",
    converse: "max_tokens",
    openai: "length",
    claude_2: "max_tokens",
    titan: "LENGTH",
    llama: "length",
    mistral: "length",
    command_r: "MAX_TOKENS",
}


@pytest.mark.parametrize("stream", STREAMS)
@given(deltas=st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), min_size=1))
def test_pieces_of_a_reply_are_joined_byte_for_byte(stream: Any, deltas: list[str]) -> None:
    answer = answer_of(stream(*deltas), "response")
    whole = "".join(deltas)
    if whole.strip():
        assert answer.reply == Message(role="assistant", content=whole)
    else:
        assert answer.lacks == "empty"


@pytest.mark.parametrize("stream", STREAMS)
def test_a_stream_that_was_cut_is_no_answer(stream: Any) -> None:
    assert answer_of(stream("half of", reason=CUT[stream]), "response").lacks == "cut"


CALLS: dict[str, list[dict[str, Any]]] = {
    "Anthropic": [
        {
            "type": "content_block_start",
            "index": 1,
            "content_block": {"type": "tool_use", "id": "c1", "name": "weather", "input": {}},
        },
        *(
            {
                "type": "content_block_delta",
                "index": 1,
                "delta": {"type": "input_json_delta", "partial_json": part},
            }
            for part in ("", '{"town"', ': "Bonn"}')
        ),
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}},
    ],
    "Converse": [
        {
            "contentBlockStart": {
                "contentBlockIndex": 0,
                "start": {"toolUse": {"toolUseId": "c1", "name": "weather"}},
            }
        },
        *(
            {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"toolUse": {"input": part}}}}
            for part in ('{"town": ', '"Bonn"}')
        ),
        {"messageStop": {"stopReason": "tool_use"}},
    ],
    "OpenAI": [
        {
            "choices": [
                {
                    "delta": {
                        "tool_calls": [
                            {
                                "index": 0,
                                "id": "c1",
                                "function": {"name": "weather", "arguments": ""},
                            }
                        ]
                    }
                }
            ]
        },
        *(
            {
                "choices": [
                    {"delta": {"tool_calls": [{"index": 0, "function": {"arguments": part}}]}}
                ]
            }
            for part in ('{"town"', ': "Bonn"}')
        ),
        {"choices": [{"delta": {}, "finish_reason": "tool_calls"}]},
    ],
}


@pytest.mark.parametrize("provider", CALLS)
def test_pieces_of_a_call_are_joined(provider: str) -> None:
    answer = answer_of(CALLS[provider], "response")
    assert answer.reply == Message(role="assistant", content="", tool_calls=(CALL,))


@pytest.mark.parametrize(
    "events",
    [
        [*anthropic("half"), {"type": "error", "error": {"type": "overloaded_error"}}],
        [*converse("half"), {"modelStreamErrorException": {"message": "x"}}],
    ],
)
def test_a_stream_that_ends_in_an_error_is_no_answer(events: list[Any]) -> None:
    assert answer_of(events, "response").lacks == "error"


@pytest.mark.parametrize(
    ("events", "told"),
    [
        ([{"a": 1}], "events of no known stream; found a"),
        ([1], r"response\[0\] is a number"),
        ([{"choices": [5]}], "events that cannot be joined"),
        ([{"choices": 5}], "events that cannot be joined"),
        ([{"type": "content_block_start", "content_block": ["a"]}], "events that cannot be joined"),
        ([{"contentBlockDelta": {"delta": {"text": 5}}}], "events that cannot be joined"),
    ],
)
def test_events_that_are_no_stream_are_told(events: list[Any], told: str) -> None:
    with pytest.raises(RowError, match=told):
        answer_of(events, "response")
