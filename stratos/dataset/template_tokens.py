"""How many tokens a chat template adds to the prompts of a dataset, its own system prompt included.

The template is rendered around messages without a text, in each order of roles that the dataset
has: what it adds does not depend on what they say. Tools and calls are rendered whole, since they
are in no message's text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from stratos.catalog.chat_template import Conversation, render_template
from stratos.catalog.files import Files
from stratos.catalog.model_card import ModelCard
from stratos.contracts.records import Record
from stratos.dataset.conversations import conversation_of
from stratos.dataset.token_estimate import counter_of
from stratos.spec import Teacher, Weights

_MESSAGE = "\N{OBJECT REPLACEMENT CHARACTER}"
"""Stands for the text of a message."""
_MOST_SHAPES = 16


def count_templates(
    cards: Iterable[ModelCard],
    models: Mapping[str, Teacher],
    files: Files,
    records: Iterable[Record],
) -> tuple[ModelCard, ...]:
    """The cards, with the tokens of the chat template where a model's folder or GGUF is at hand.

    Args:
        models: What the spec names, by the names of their cards.
        records: A sample of the dataset.
    """
    shapes = Counter(_shape(record).model_dump_json() for record in records)
    common = [
        (Conversation.model_validate_json(shape), times)
        for shape, times in shapes.most_common(_MOST_SHAPES)
    ]
    counted = []
    for card in cards:
        model = models.get(card.name)
        if isinstance(model, Weights) and model.path is not None:
            tokens = template_tokens(files, model.path.rstrip("/"), common)
            card = card.model_copy(update={"template_tokens": tokens})
        counted.append(card)
    return tuple(counted)


def template_tokens(
    files: Files, folder: str, shapes: Sequence[tuple[Conversation, int]]
) -> float | None:
    """Mean over prompts; None if the template takes none of them.

    Args:
        shapes: Prompts without their texts, each with how many there are.
    """
    try:
        rendered = render_template(files, folder, [shape for shape, _ in shapes])
    except (ValueError, FileNotFoundError):
        return None  # whoever reads the spec says so
    count = counter_of(files, [folder])
    total, prompts = 0.0, 0
    for one, (_, times) in zip(rendered, shapes, strict=True):
        if one.text is not None:
            total += times * sum(map(count, one.text.split(_MESSAGE)))
            prompts += times
    return total / prompts if prompts else None


def _shape(record: Record) -> Conversation:
    emptied = [message.model_copy(update={"content": _MESSAGE}) for message in record.messages]
    return conversation_of(record.model_copy(update={"messages": tuple(emptied), "reply": None}))
