"""Replies in the bodies of responses, as the providers' pages of parameters show them."""

from __future__ import annotations

from typing import Any

import pytest

from stratos.contracts.messages import Message
from stratos.dataset.formats.response_bodies import answer_of
from stratos.dataset.formats.row import RowError
from tests.unit.stratos.dataset.formats.rows import CALL

FOUR = " 4\n"
ANTHROPIC = {"type": "message", "role": "assistant", "content": [{"type": "text", "text": FOUR}]}
CONVERSE = {"output": {"message": {"role": "assistant", "content": [{"text": FOUR}]}}}


def completion(**choice: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "message": {"role": "assistant", "content": FOUR}, **choice}]}


BODIES: dict[str, dict[str, Any]] = {
    "OpenAI, gpt-oss, Qwen, Jamba, Writer, Kimi, GLM, Gemma": completion(finish_reason="stop"),
    "Claude": {**ANTHROPIC, "stop_reason": "end_turn"},
    "Claude 2": {"type": "completion", "completion": FOUR, "stop_reason": "stop_sequence"},
    "Converse, Nova": {**CONVERSE, "stopReason": "end_turn", "usage": {"inputTokens": 1}},
    "Titan": {
        "inputTextTokenCount": 3,
        "results": [{"tokenCount": 2, "outputText": FOUR, "completionReason": "FINISH"}],
    },
    "Llama": {"generation": FOUR, "prompt_token_count": 3, "stop_reason": "stop"},
    "Mistral": {"outputs": [{"text": FOUR, "stop_reason": "stop"}]},
    "Cohere Command": {"generations": [{"text": FOUR, "finish_reason": "COMPLETE"}], "id": "x"},
    "Cohere Command R": {"response_id": "x", "text": FOUR, "finish_reason": "COMPLETE"},
    "Jurassic": {
        "id": 1,
        "prompt": {"text": "2+2?"},
        "completions": [{"data": {"text": FOUR}, "finishReason": {"reason": "endoftext"}}],
    },
    "DeepSeek R1": {"choices": [{"text": FOUR, "stop_reason": "stop"}]},
    "OpenAI Responses": {
        "object": "response",
        "status": "completed",
        "error": None,
        "output": [
            {"type": "reasoning", "summary": []},
            {"type": "message", "content": [{"type": "output_text", "text": FOUR}]},
        ],
    },
    "Ollama": {"message": {"role": "assistant", "content": FOUR}, "done_reason": "stop"},
    "a message": {"role": "assistant", "content": FOUR},
}


@pytest.mark.parametrize("provider", BODIES)
def test_the_reply_of_each_provider_is_kept_byte_for_byte(provider: str) -> None:
    answer = answer_of(BODIES[provider], "response")
    assert answer.reply == Message(role="assistant", content=FOUR)


CALLS: dict[str, dict[str, Any]] = {
    "OpenAI": completion(
        message={
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "c1", "function": {"name": "weather", "arguments": '{"town":"Bonn"}'}}
            ],
        },
        finish_reason="tool_calls",
    ),
    "Claude": {
        "content": [
            {"type": "tool_use", "id": "c1", "name": "weather", "input": {"town": "Bonn"}},
        ],
        "stop_reason": "tool_use",
    },
    "Converse": {
        "output": {
            "message": {
                "content": [
                    {"toolUse": {"toolUseId": "c1", "name": "weather", "input": {"town": "Bonn"}}}
                ]
            }
        },
        "stopReason": "tool_use",
    },
    "Responses": {
        "output": [
            {
                "type": "function_call",
                "call_id": "c1",
                "name": "weather",
                "arguments": '{"town": "Bonn"}',
            }
        ]
    },
}


@pytest.mark.parametrize("provider", CALLS)
def test_the_calls_of_each_provider_are_the_same(provider: str) -> None:
    answer = answer_of(CALLS[provider], "response")
    assert answer.reply == Message(role="assistant", content="", tool_calls=(CALL,))


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (completion(finish_reason="length"), "cut"),
        (completion(finish_reason="content_filter"), "refused"),
        (completion(message={"role": "assistant", "content": None, "refusal": "No."}), "refused"),
        (completion(message={"role": "assistant", "content": None}), "empty"),
        ({"choices": []}, "empty"),
        ({"error": {"message": "overloaded"}}, "error"),
        ({"type": "error", "message": "x"}, "error"),
        ({**ANTHROPIC, "stop_reason": "max_tokens"}, "cut"),
        ({**ANTHROPIC, "stop_reason": "refusal"}, "refused"),
        ({**ANTHROPIC, "stop_reason": "model_context_window_exceeded"}, "cut"),
        ({**CONVERSE, "stopReason": "max_tokens"}, "cut"),
        ({**CONVERSE, "stopReason": "guardrail_intervened"}, "guardrail"),
        ({**CONVERSE, "stopReason": "content_filtered"}, "refused"),
        ({**ANTHROPIC, "amazon-bedrock-guardrailAction": "INTERVENED"}, "guardrail"),
        ({"results": [{"outputText": FOUR, "completionReason": "LENGTH"}]}, "cut"),
        ({"results": [{"outputText": "", "completionReason": "CONTENT_FILTERED"}]}, "refused"),
        ({"generation": FOUR, "stop_reason": "length"}, "cut"),
        ({"outputs": [{"text": FOUR, "stop_reason": "length"}]}, "cut"),
        ({"generations": [{"text": FOUR, "finish_reason": "MAX_TOKENS"}]}, "cut"),
        ({"text": "x", "finish_reason": "ERROR_TOXIC"}, "refused"),
        ({"completions": [{"data": {"text": FOUR}, "finishReason": {"reason": "length"}}]}, "cut"),
        ({"output": [], "incomplete_details": {"reason": "max_output_tokens"}}, "cut"),
        ({"message": {"role": "assistant", "content": "x"}, "done_reason": "length"}, "cut"),
        ([], "empty"),
    ],
)
def test_a_response_without_an_answer_says_why(body: object, why: str) -> None:
    answer = answer_of(body, "response")
    assert (answer.reply, answer.lacks) == (None, why)


def test_a_body_of_no_known_shape_is_told_with_its_fields() -> None:
    with pytest.raises(RowError, match="response has no reply in it; found a, b"):
        answer_of({"a": 1, "b": 2}, "response")


def test_what_stops_a_model_in_a_way_of_its_own_is_no_fault() -> None:
    assert answer_of(completion(finish_reason="<|im_end|>"), "response").lacks is None
