"""A smaller model cut out of a larger one."""

from __future__ import annotations

import re
from typing import Any

from torch import Tensor
from transformers import AutoModelForCausalLM, PreTrainedModel

from stratos.catalog.layers import kept_layers

_LAYER = re.compile(r"(?<=\.layers\.)\d+(?=\.)")
_BY_LAYER = {"layer_types", "mlp_layer_types", "layers_block_type", "no_rope_layers"}
"""Lists of the configuration with an entry for each layer."""
_OF_INDICES = {"mlp_only_layers", "full_attn_idxs"}
"""Lists of the indices of some layers."""
_OTHERS = {"architectures", "eos_token_id"}
"""Lists that may by chance be as long as there are layers."""


def prune(model: PreTrainedModel, num_layers: int) -> PreTrainedModel:
    """Return a model of some of a decoder's layers, with its embeddings and head.

    Raises:
        ValueError: when it has no more than that, or its layers differ in ways unknown here.
    """
    there = model.config.num_hidden_layers
    kept = kept_layers(there, num_layers)
    config = _cut(model, kept)
    # A new model, because each layer holds its index, by which it finds its cache.
    pruned: PreTrainedModel = AutoModelForCausalLM.from_config(
        type(model.config).from_dict(config), dtype=model.dtype, trust_remote_code=False
    )
    place = {str(layer): str(number) for number, layer in enumerate(kept)}
    weights: dict[str, Tensor] = {}
    for name, value in model.state_dict().items():
        found = _LAYER.search(name)
        if found is None:
            weights[name] = value
        elif found[0] in place:
            weights[_LAYER.sub(place[found[0]], name, count=1)] = value
    try:
        pruned.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(
            f"the kinds of layers of {type(model).__name__} follow their numbers, which a cut "
            "changes; leave `layers` out, or cut a model of another family"
        ) from error
    pruned.generation_config = model.generation_config
    return pruned


def _cut(model: PreTrainedModel, kept: list[int]) -> dict[str, Any]:
    """The configuration of the layers that are kept.

    Raises:
        ValueError: when it has a list by layer whose meaning is unknown.
    """
    config: dict[str, Any] = model.config.to_dict()
    there = config["num_hidden_layers"]
    for key, value in config.items():
        if not isinstance(value, list) or key in _OTHERS:
            continue
        if key in _OF_INDICES:
            config[key] = [kept.index(layer) for layer in value if layer in kept]
        elif len(value) == there and key in _BY_LAYER:
            config[key] = [value[layer] for layer in kept]
        elif len(value) == there:
            raise ValueError(
                f"{key} of {type(model).__name__} has {there} entries, one for each layer, whose "
                "meaning is unknown; leave `layers` out, or cut a model of another family"
            )
    return config | {"num_hidden_layers": len(kept)}
