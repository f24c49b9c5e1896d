"""The layers of a decoder, and a smaller one that is cut out of it: planner and job do it alike."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

_LAYER = re.compile(r"(?:^|\.)(?:layers|h|blocks|block|layer)\.(\d+)\.")
_COUNTS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")
"""What families call the number of layers."""
_BY_LAYER = {"layer_types", "mlp_layer_types", "layers_block_type", "no_rope_layers"}
"""Lists of the configuration with an entry for each layer."""
_OF_INDICES = {"mlp_only_layers", "full_attn_idxs"}
"""Lists of the indices of some layers."""
_OTHERS = {"architectures", "eos_token_id"}
"""Lists that may by chance be as long as there are layers."""


def layer_of(name: str) -> int | None:
    """Which layer a tensor belongs to; None outside of them."""
    found = _LAYER.search(name)
    return int(found[1]) if found else None


def moved(name: str, place: Mapping[int, int]) -> str | None:
    """What a tensor is called when layers have moved to other places; None if its layer is gone."""
    found = _LAYER.search(name)
    if found is None:
        return name
    if int(found[1]) not in place:
        return None
    start, end = found.span(1)
    return f"{name[:start]}{place[int(found[1])]}{name[end:]}"


def cut_config(
    name: str, config: Mapping[str, object], there: int, kept: Sequence[int]
) -> dict[str, object]:
    """The configuration of the layers that are kept.

    Raises:
        ValueError: when it has a list by layer whose meaning is unknown.
    """
    cut = dict(config)
    for key, value in config.items():
        if not isinstance(value, list) or key in _OTHERS:
            continue
        if key in _OF_INDICES:
            cut[key] = [kept.index(layer) for layer in value if layer in kept]
        elif len(value) == there and key in _BY_LAYER:
            cut[key] = [value[layer] for layer in kept]
        elif len(value) == there:
            raise ValueError(
                f"{key} of {name} has {there} entries, one for each layer, whose meaning is "
                "unknown; leave `layers` out, or cut a model of another family"
            )
    counts = [key for key in _COUNTS if key in config]
    return cut | dict.fromkeys(counts, len(kept))


def require_fewer_layers(name: str, there: int, kept: int) -> None:
    """Refuse to keep as many layers of a model as there are, or a single one.

    Raises:
        ValueError: with both numbers.
    """
    if not 2 <= kept < there:
        raise ValueError(f"{name} has {there} layers; `layers: {kept}` must be below that")


def kept_layers(there: int, kept: int) -> list[int]:
    """Choose layers, evenly spaced from the first to the last.

    A student that starts from every second layer of its teacher loses little
    (DistilBERT, arXiv 1910.01108, section 3).

    Raises:
        ValueError: when the model has no more than that.
    """
    require_fewer_layers("the model", there, kept)
    return [round(index * (there - 1) / (kept - 1)) for index in range(kept)]
