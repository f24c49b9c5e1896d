"""What a chat template adds to prompts, counted in the model's own tokens."""

from __future__ import annotations

import json

import pytest

from stratos.catalog.chat_template import Conversation, spoken
from stratos.catalog.model_card import ModelCard
from stratos.contracts.messages import Message, Role, Tool, ToolCall
from stratos.contracts.records import Record
from stratos.dataset.template_tokens import count_templates, template_tokens
from stratos.spec import OpenAICompatible, Weights
from tests import tool_templates
from tests.fakes import FilesInMemory

SYSTEM_OF_ITS_OWN = (
    "{% if messages[0].role != 'system' %}<|start|>system\nBe brief.<|end|>{% endif %}"
    "{% for m in messages %}<|start|>{{ m.role }}\n{{ m.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant\n{% endif %}"
)
PIECES = ("system", "user", "assistant", "\n", "Be", "▁brief", ".")
TURN = 4
"""<|start|>, the role, a line break, <|end|>."""
OPENING = 3
"""<|start|>, assistant, a line break."""
OWN = TURN + 3
"""With `Be brief.`"""


def files(template: str = SYSTEM_OF_ITS_OWN, **more: object) -> FilesInMemory:
    tokenizer = {
        "model": {"type": "BPE", "vocab": {piece: at for at, piece in enumerate(PIECES)}},
        "added_tokens": [{"id": 90, "content": "<|start|>"}, {"id": 91, "content": "<|end|>"}],
    } | more
    return FilesInMemory(
        {
            "m/tokenizer.json": json.dumps(tokenizer).encode(),
            "m/tokenizer_config.json": json.dumps({"chat_template": template}).encode(),
        }
    )


def shape(*roles: str) -> Conversation:
    return spoken(*((role, "\N{OBJECT REPLACEMENT CHARACTER}") for role in roles))


def record(*roles: Role) -> Record:
    return Record(id="r", messages=tuple(Message(role=role, content="user") for role in roles))


@pytest.mark.parametrize(
    ("roles", "tokens"),
    [
        (("user",), OWN + TURN + OPENING),
        (("system", "user"), 2 * TURN + OPENING),
        (("system", "user", "assistant", "user"), 4 * TURN + OPENING),
    ],
)
def test_a_system_prompt_of_the_templates_own_counts_where_the_dataset_has_none(
    roles: tuple[Role, ...], tokens: float
) -> None:
    assert template_tokens(files(), "m", [(shape(*roles), 1)]) == tokens


def test_the_mean_is_over_prompts_as_the_dataset_has_them() -> None:
    records = [*[record("user")] * 3, record("system", "user")]
    models = {"m": Weights(path="m/")}
    (card,) = count_templates([ModelCard(name="m", kind="weights")], models, files(), records)
    alone, told = OWN + TURN + OPENING, 2 * TURN + OPENING
    assert card.template_tokens == (3 * alone + told) / 4


def test_prompts_that_a_template_refuses_are_not_among_them() -> None:
    refuses = "{% if messages | length > 1 %}{{ raise_exception('no') }}{% endif %}"
    shapes = [(shape("user"), 1), (shape("system", "user"), 9)]
    refusing = files(refuses + SYSTEM_OF_ITS_OWN)
    assert template_tokens(refusing, "m", shapes) == OWN + TURN + OPENING
    assert template_tokens(refusing, "m", shapes[1:]) is None


def test_without_a_vocabulary_characters_are_counted() -> None:
    plain = files("{{ messages[0].content }}" + "x" * 40, model={})
    assert template_tokens(plain, "m", [(shape("user"), 1)]) == 10


def test_models_that_are_not_at_hand_are_not_counted() -> None:
    cards = [ModelCard(name="api", kind="openai"), ModelCard(name="absent", kind="weights")]
    asked = OpenAICompatible(kind="openai", base_url="https://models.example/v1", model="api")
    models = {"api": asked, "absent": Weights(path="elsewhere")}
    counted = count_templates(cards, models, files(), [record("user")])
    assert [card.template_tokens for card in counted] == [None, None]


def test_tools_and_calls_are_counted_whole_since_no_text_holds_them() -> None:
    templated = files(tool_templates.HERMES, model={})
    call = ToolCall(name="weather", arguments={"city": "Oslo" * 10})
    plain = record("user")
    offered = plain.model_copy(update={"tools": (Tool(name="weather", description="x" * 400),)})
    called = Message(role="assistant", content="", tool_calls=(call,))
    answered = offered.model_copy(update={"messages": (*plain.messages, called, *plain.messages)})
    models = {"m": Weights(path="m")}
    counts = []
    for one in (plain, offered, answered):
        (card,) = count_templates([ModelCard(name="m", kind="weights")], models, templated, [one])
        assert card.template_tokens is not None
        counts.append(card.template_tokens)
    assert counts[1] - counts[0] > 100
    assert counts[2] - counts[1] > 10
