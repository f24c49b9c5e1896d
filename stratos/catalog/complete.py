"""Whether a model folder holds every weight that its config.json speaks of.

Transformers draws a missing weight at random and says so in a log.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from stratos.catalog.architecture import is_head, is_of_text, layer_kinds, text_config
from stratos.catalog.exportable_families import EXPORTABLE
from stratos.catalog.layers import layer_of
from stratos.catalog.safetensors import StoredTensor

_EMBEDDINGS = re.compile(r"(?:^|\.)embed_tokens\.")
_FINAL_NORM = re.compile(r"(?:^|\.)\w*norm\.weight$")
_ADAPTER = re.compile(r"\.lora_[AB]\.|^base_model\.")
_UNTIED = frozenset({"llama", "mistral", "ministral", "qwen2", "qwen3", "phi3", "olmo2", "olmo3"})
"""Families whose head is its own where config.json says nothing."""
_NAMED_ALIKE = EXPORTABLE.keys() | {"gemma", "gemma2"}
"""Families known to name these parts so, and to have the same weights in all layers of a kind."""


def require_complete(
    folder: str, config: Mapping[str, object], tensors: Sequence[StoredTensor]
) -> None:
    """Refuse a folder that lacks weights, or has those of an adapter.

    Of a family whose names are not known here, the job alone can tell, which reads it strictly.

    Raises:
        ValueError: naming the first that is missing.
    """
    text = text_config(config)
    adapter = next((one.name for one in tensors if _ADAPTER.search(one.name)), None)
    if adapter is not None:
        raise ValueError(
            f"{folder} holds an adapter ({adapter}); merge it into its base and save that"
        )
    if text.get("model_type") not in _NAMED_ALIKE:
        return
    if "text_config" in config:
        tensors = [one for one in tensors if is_of_text(one.name)]
    outside = [one.name for one in tensors if layer_of(one.name) is None]
    missing = []
    if not any(map(_EMBEDDINGS.search, outside)):
        missing.append("the embeddings")
    if not any(map(_FINAL_NORM.search, outside)):
        missing.append("the last norm")
    if _has_own_head(config, text) and not any(map(is_head, outside)):
        missing.append("the head (lm_head.weight)")
    missing += _missing_in_layers(text, tensors)
    if missing:
        more = f" and {len(missing) - 1} more" * (len(missing) > 1)
        raise ValueError(
            f"{folder} lacks {missing[0]}{more}, which would be drawn at random; upload the whole "
            "model again"
        )


def _has_own_head(config: Mapping[str, object], text: Mapping[str, object]) -> bool:
    if config.get("tie_word_embeddings") is True:  # of several parts, whose text may say otherwise
        return False
    tied = text.get("tie_word_embeddings")
    return tied is False or (tied is None and text.get("model_type") in _UNTIED)


def _missing_in_layers(text: Mapping[str, object], tensors: Sequence[StoredTensor]) -> list[str]:
    """What a layer lacks that another of its kind has, where it has nothing in its place."""
    parts: dict[int, set[str]] = {}
    for tensor in tensors:
        layer = layer_of(tensor.name)
        if layer is not None:
            parts.setdefault(layer, set()).add(tensor.name.replace(f".{layer}.", ".{}.", 1))
    kinds = layer_kinds(text, max(parts, default=-1) + 1)
    missing = []
    for layer, found in sorted(parts.items()):
        fuller = [
            other
            for number, other in parts.items()
            if kinds[number] == kinds[layer] and found < other
        ]
        if fuller:
            lacking = max(fuller, key=len) - found
            missing += [name.replace(".{}.", f".{layer}.") for name in sorted(lacking)]
    return missing
