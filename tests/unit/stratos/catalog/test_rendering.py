"""Templates are rendered as Transformers renders them."""

from __future__ import annotations

import pytest
from transformers import AutoTokenizer

from stratos.catalog.rendering import Rendering, Spoken, refusals
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
def test_what_is_refused_is_what_transformers_refuses(template: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(TOKENIZER)
    asked = Rendering(template=template, tokens={"bos_token": "<s>"}, conversations=CONVERSATIONS)
    for conversation, reason in zip(CONVERSATIONS, refusals(asked), strict=True):
        try:
            tokenizer.apply_chat_template(
                [turn.model_dump() for turn in conversation],
                chat_template=template,
                tokenize=False,
                add_generation_prompt=True,
            )
        except Exception:
            assert reason is not None
        else:
            assert reason is None


def test_a_template_that_forgets_the_question_is_told() -> None:
    asked = Rendering(template="hello", tokens={}, conversations=CONVERSATIONS[:1])
    assert refusals(asked) == ["it leaves the last message out"]
