"""The card of any model that a spec may name."""

from __future__ import annotations

import json
from collections.abc import Callable

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
