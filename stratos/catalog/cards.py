"""The card of any model that a spec may name."""

from __future__ import annotations

import json
from collections.abc import Callable

from stratos.catalog.exportable import export_obstacle
from stratos.catalog.model_card import ModelCard
from stratos.catalog.models import bedrock_card, card_from_config, hub_card
from stratos.spec import Bedrock, OpenAICompatible, Teacher, Weights

ReadFile = Callable[[str], bytes]
"""The bytes of a file by its path in the spec's folder; raises FileNotFoundError."""


def card_of(model: Teacher, read: ReadFile) -> ModelCard:
    """Describe a model: from its config.json in the folder, or from the catalog.

    Raises:
        ValueError, LookupError, FileNotFoundError: if it cannot be described, with the reason.
    """
    match model:
        case Bedrock():
            return bedrock_card(model.model_id, batch=model.batch)
        case OpenAICompatible():
            return ModelCard(
                name=model.name,
                kind="openai",
                input_usd_per_million_tokens=model.input_usd_per_million_tokens,
                output_usd_per_million_tokens=model.output_usd_per_million_tokens,
            )
        case Weights(path=str(path)):
            config = json.loads(read(f"{path.rstrip('/')}/config.json"))
            return card_from_config(model.name, config, model.licence, layers=model.layers)
        case Weights():
            return hub_card(model)


def student_card(model: Weights, read: ReadFile) -> ModelCard:
    """Describe a student, and whether llama.cpp has a name for its tokenizer.

    Raises:
        ValueError, LookupError, FileNotFoundError: if it cannot be described, with the reason.
    """
    card = card_of(model, read)
    if model.path is None or card.llama_cpp_obstacle is not None:
        return card
    folder = model.path.rstrip("/")
    try:
        tokenizer = json.loads(read(f"{folder}/tokenizer.json"))
    except FileNotFoundError:
        return card  # of another format, which the job reads
    config = json.loads(read(f"{folder}/config.json"))
    try:
        obstacle = export_obstacle(config, tokenizer)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(
            f"{folder}/tokenizer.json is not what tokenizers write ({error!r}); save it again"
        ) from error
    return card.model_copy(update={"llama_cpp_obstacle": obstacle})
