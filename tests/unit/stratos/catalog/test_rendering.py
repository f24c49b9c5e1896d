"""Templates are rendered as Transformers renders them."""

from __future__ import annotations

import pytest
from transformers import AutoTokenizer

from stratos.catalog.chat_template import Rendering, Spoken
from stratos.catalog.rendering import render
from tests.unit.serving.export.tiny_folders import TOKENIZER

CONVERSATIONS = (
    (Spoken(role="user", content="one"),),
    (Spoken(role="system", content="brief"), Spoken(role="user", content="two")),
    tuple(Spoken(role=role, content=role) for role in ("user", "assistant", "user")),
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
                [turn.model_dump() for turn in conversation],
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
