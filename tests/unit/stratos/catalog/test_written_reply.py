"""What a template writes in place of a reply begins where the prompt ends."""

from __future__ import annotations

from typing import Any

import pytest

from stratos.catalog.rendering import template_renderer
from stratos.catalog.written_reply import ReplyFrame
from tests.tool_templates import FORGETFUL, HERMES, SWITCHED

QUESTION = [{"role": "user", "content": "?"}]
CALL: dict[str, Any] = {
    "role": "assistant",
    "content": "",
    "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": {}}}],
}


@pytest.mark.parametrize("template", [HERMES, SWITCHED])
def test_prompt_and_reply_join_to_what_the_template_writes(template: str) -> None:
    render = template_renderer(template, {})
    frame = ReplyFrame.of(render)
    written = frame.written(render, QUESTION, [], CALL)
    assert (frame.head, frame.tail) == ("<|assistant|>", "<|end|>")
    assert render([*QUESTION, CALL], [], False) == f"<|user|>?<|assistant|>{written}<|end|>"


def test_a_prompt_that_switches_thinking_off_is_no_part_of_the_reply() -> None:
    compiled = template_renderer("{% set enable_thinking = false %}" + SWITCHED, {})
    assert compiled(QUESTION, [], True).endswith("<think>\n\n</think>\n\n")
    written = ReplyFrame.of(compiled).written(compiled, QUESTION, [], CALL)
    assert written == '<tool_call>{"name": "f", "arguments": {}}</tool_call>'


def test_a_template_that_rewrites_the_past_is_refused() -> None:
    render = template_renderer(FORGETFUL, {})
    with pytest.raises(ValueError, match="renders the messages before a reply otherwise"):
        ReplyFrame.of(render).written(render, QUESTION, [], CALL)


def test_a_template_that_ends_calls_otherwise_is_refused() -> None:
    template = HERMES.replace(
        "<|end|>", "{% if m.tool_calls %}<|call|>{% else %}<|end|>{% endif %}"
    )
    render = template_renderer(template, {})
    with pytest.raises(ValueError, match=r"ends a turn with calls by .*<\|call\|>.* other by"):
        ReplyFrame.of(render).written(render, QUESTION, [], CALL)


def test_a_template_without_an_assistant_is_refused() -> None:
    render = template_renderer("{{ messages[0].content }}", {})
    with pytest.raises(ValueError, match="leaves out what the assistant says"):
        ReplyFrame.of(render)
