"""Templates are rendered as Transformers renders them."""

from __future__ import annotations

import pytest
from transformers import AutoTokenizer

from stratos.catalog.chat_template import Conversation, Json, Rendering, spoken
from stratos.catalog.rendering import render
from tests import tool_templates
from tests.unit.serving.export.tiny_folders import TOKENIZER

CONVERSATIONS = (
    spoken(("user", "one")),
    spoken(("system", "brief"), ("user", "two")),
    spoken(*((role, role) for role in ("user", "assistant", "user"))),
)
TEMPLATES = {
    "plain": "{% for m in messages %}{{ m.role }}{{ m.content }}{% endfor %}",
    "no system": "{% for m in messages %}{% if m.role == 'system' %}"
    "{{ raise_exception('System role not supported') }}{% endif %}{{ m.content }}{% endfor %}",
    "loops, marks, dates": "{% for m in messages %}{% if loop.first and m.role == 'system' %}"
    "{% continue %}{% endif %}{% generation %}{{ m.content | tojson }}{% endgeneration %}"
    "{% endfor %}{{ strftime_now('%Y') }}{{ bos_token }}{{ dict(a=1) }}",
    "namespace": "{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}"
    "{{ ns.n }}{{ m.content }}{% endfor %}{% if tools %}{{ tools[0] }}{% endif %}",
    "unknown filter": "{{ messages | nonsense }}",
    "broken": "{% for m in messages %}",
    "more blocks than Python nests": "{% for m in messages %}" * 30 + "{% endfor %}" * 30,
    "unsafe": "{{ messages.__class__.__mro__ }}{{ messages[-1].content }}",
}


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
def test_a_template_gives_and_refuses_what_it_does_in_transformers(template: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(TOKENIZER)
    tokens = dict(tokenizer.special_tokens_map)
    asked = Rendering(template=template, tokens=tokens, conversations=CONVERSATIONS)
    for conversation, one in zip(CONVERSATIONS, render(asked), strict=True):
        try:
            text = tokenizer.apply_chat_template(
                list(conversation.messages),
                chat_template=template,
                tokenize=False,
                add_generation_prompt=True,
            )
        except Exception:
            assert one.refusal is not None
        else:
            assert (one.text, one.refusal) == (text, None)


def test_a_template_that_forgets_the_question_is_told() -> None:
    asked = Rendering(template="hello", tokens={}, conversations=CONVERSATIONS[:1])
    assert [one.refusal for one in render(asked)] == ["it leaves the last message out"]


CALL: Json = {
    "role": "assistant",
    "content": "",
    "tool_calls": [
        {
            "id": "call00000",
            "type": "function",
            "function": {"name": "weather", "arguments": {"city": "Oslo"}},
        }
    ],
}
ASKED: Json = {"role": "user", "content": "The weather?"}
ANSWER: Json = {
    "role": "tool",
    "content": '{"sky": "clear"}',
    "tool_call_id": "call00000",
    "name": "weather",
}
TOOL: Json = {
    "type": "function",
    "function": {"name": "weather", "description": "of a city", "parameters": {}},
}
OFFERED = Conversation(messages=(ASKED,), tools=(TOOL,), reply=CALL)
ANSWERED = Conversation(messages=(ASKED, CALL, ANSWER), tools=(TOOL,))


def refusals(template: str, *conversations: Conversation) -> list[str | None]:
    asked = Rendering(template=template, tokens={}, conversations=conversations)
    return [one.refusal for one in render(asked)]


@pytest.mark.parametrize("name", tool_templates.SYNTAXES)
def test_a_template_that_knows_tools_is_taken(name: str) -> None:
    assert refusals(tool_templates.SYNTAXES[name], OFFERED, ANSWERED) == [None, None]


def test_a_template_that_leaves_tools_or_calls_or_answers_out_is_told() -> None:
    unheard = tool_templates.HERMES.replace(
        "{{ m.content }}", "{{ m.content if m.role != 'tool' }}"
    )
    later = ANSWERED.model_copy(update={"messages": (*ANSWERED.messages, ASKED)})
    assert (
        refusals(tool_templates.DEAF, OFFERED, ANSWERED)
        == ["it leaves the tool weather out of the prompt"] * 2
    )
    (mute,) = refusals(tool_templates.MUTE, OFFERED)
    assert mute == "it leaves out the name or the arguments of an assistant's call"
    assert refusals(unheard, later) == ["it leaves out what a tool answers"]


def test_calls_that_a_template_refuses_are_told_in_its_own_words() -> None:
    calls = CALL["tool_calls"]
    assert isinstance(calls, list)
    twice = OFFERED.model_copy(update={"reply": CALL | {"tool_calls": [*calls, *calls]}})
    assert refusals(tool_templates.LLAMA, OFFERED, twice) == [None, "one call at once"]


def test_plain_conversations_need_no_template_with_tools() -> None:
    assert refusals(tool_templates.DEAF, *CONVERSATIONS) == [None] * 3
