"""Whether llama.cpp can serve a model, by its config.json and tokenizer.json.

The planner asks before anything is paid, and the job that trains asks again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stratos.catalog.architecture import text_config
from stratos.catalog.exportable_families import EXPORTABLE, rope_obstacle
from stratos.catalog.pre_tokenizer import require_tokenizer
from stratos.errors import NotExportable

_ALIASES = {"swish": "silu"}


def export_obstacle(
    config: Mapping[str, Any], tokenizer: Mapping[str, Any] | None = None
) -> str | None:
    """Why llama.cpp cannot serve a model; None if nothing is known against it.

    Args:
        config: Its config.json, or as much of it as is known.
        tokenizer: Its tokenizer.json, if it has one.
    """
    try:
        if set(config) == {"model_type"}:
            require_family(config["model_type"])
            return None
        require_network(config)
        if tokenizer is not None:
            require_tokenizer(tokenizer)
            rows = text_config(config).get("vocab_size")
            if rows is not None:  # else as many as are stored, which the job compares
                require_rows(tokenizer, int(str(rows)))
    except NotExportable as error:
        return str(error)
    return None


def require_family(model_type: str) -> None:
    """Refuse a `model_type` that is not known in llama.cpp.

    Raises:
        NotExportable: it is none of those that can be written.
    """
    if model_type not in EXPORTABLE:
        raise NotExportable(
            f"models of type {model_type!r} cannot be written for llama.cpp yet, only "
            f"{', '.join(EXPORTABLE)}; choose a student of one of these"
        )


def require_network(config: Mapping[str, Any]) -> None:
    """Refuse a network that llama.cpp would compute otherwise than transformers, or not at all.

    Args:
        config: As in config.json, of any release of transformers.

    Raises:
        NotExportable: naming what differs.
    """
    config = text_config(config)
    model_type = str(config.get("model_type"))
    require_family(model_type)
    family = EXPORTABLE[model_type]
    obstacle = rope_obstacle(config, model_type)
    if obstacle is not None:
        raise NotExportable(obstacle)
    named = config.get("hidden_activation") or config.get("hidden_act")
    activation = str(named or family.activation)
    if _ALIASES.get(activation, activation) != family.activation:
        raise NotExportable(f"llama.cpp has {family.activation} for {model_type}, not {activation}")
    for demand in family.demands:
        reason = demand(config)
        if reason is not None:
            raise NotExportable(
                f"for {model_type}, llama.cpp has {reason}; choose another student, or a server "
                "with a GPU"
            )


def require_rows(tokenizer: Mapping[str, Any], rows: int) -> None:
    """Refuse a tokenizer with more tokens than the network has rows of embeddings.

    Raises:
        NotExportable: naming the token that has none.
    """
    added = (token["id"] for token in tokenizer.get("added_tokens") or ())
    last = max((*tokenizer["model"]["vocab"].values(), *added))
    if last >= rows:
        raise NotExportable(
            f"the tokenizer has a token {last}, the model only {rows} rows of embeddings; "
            "give the model its own tokenizer"
        )
