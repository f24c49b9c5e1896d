"""Whether llama.cpp can serve a model, by its config.json and tokenizer.json.

The planner asks before anything is paid, and the job that trains asks again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stratos.catalog.pre_tokenizer import pre_tokenizer_name
from stratos.errors import NotExportable

_ROPE_TYPES = frozenset({"default", "linear", "yarn"})
EXPORTABLE_ROPE_TYPES: dict[str, frozenset[str]] = {
    "llama": _ROPE_TYPES | {"llama3"},
    "qwen2": _ROPE_TYPES,
    "qwen3": _ROPE_TYPES,
}
"""`model_type` of what can be written for llama.cpp → what may scale its rotary embedding."""
_WINDOW_FROM_LAYER = 28
"""Of Qwen2 and Qwen3, where config.json does not say."""


def export_obstacle(
    config: Mapping[str, Any], tokenizer: Mapping[str, Any] | None = None
) -> str | None:
    """Why llama.cpp cannot serve a model; None if nothing is known against it.

    Args:
        config: Its config.json.
        tokenizer: Its tokenizer.json, if it has one.
    """
    try:
        require_network(config)
        if tokenizer is not None:
            pre_tokenizer_name(tokenizer)
            require_rows(tokenizer, int(config["vocab_size"]))
    except NotExportable as error:
        return str(error)
    return None


def require_family(model_type: str) -> None:
    """Refuse a `model_type` that is not known in llama.cpp.

    Raises:
        NotExportable: it is none of those that can be written.
    """
    if model_type not in EXPORTABLE_ROPE_TYPES:
        raise NotExportable(
            f"models of type {model_type!r} cannot be written for llama.cpp yet, only "
            f"{', '.join(EXPORTABLE_ROPE_TYPES)}; choose a student of one of these"
        )


def require_network(config: Mapping[str, Any]) -> None:
    """Refuse a network that llama.cpp would compute otherwise than transformers, or not at all.

    Args:
        config: As in config.json, of any release of transformers.

    Raises:
        NotExportable: naming what differs.
    """
    model_type = str(config.get("model_type"))
    require_family(model_type)
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    scaled_by = str(rope.get("rope_type") or rope.get("type") or "default")
    if scaled_by not in EXPORTABLE_ROPE_TYPES[model_type]:
        raise NotExportable(
            f"llama.cpp has no rope scaling {scaled_by!r} for {model_type}, only "
            f"{', '.join(sorted(EXPORTABLE_ROPE_TYPES[model_type]))}; choose another student"
        )
    if rope.get("attention_factor") is not None:
        raise NotExportable("llama.cpp finds rope's attention_factor itself; leave it out")
    activation = config.get("hidden_act") or "silu"
    if activation not in ("silu", "swish"):
        raise NotExportable(f"llama.cpp has silu for {model_type}, not {activation}")
    windowed = _kinds_of_layers(config) - {"full_attention"}
    if windowed:
        raise NotExportable(
            f"llama.cpp has full attention for {model_type}, not {', '.join(sorted(windowed))}"
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


def _kinds_of_layers(config: Mapping[str, Any]) -> set[str]:
    named = config.get("layer_types")
    if named:
        return set(named)
    first = config.get("max_window_layers")
    first = _WINDOW_FROM_LAYER if first is None else first
    slides = config.get("use_sliding_window") and config.get("sliding_window", 1) is not None
    if slides and first < int(config.get("num_hidden_layers") or 0):
        return {"sliding_attention"}
    return set()
