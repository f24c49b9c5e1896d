"""A smaller model cut out of a larger one."""

from __future__ import annotations

import re

from torch import Tensor
from transformers import AutoModelForCausalLM, PreTrainedModel

from stratos.catalog.layers import kept_layers

_LAYER = re.compile(r"(?<=\.layers\.)\d+(?=\.)")
_NOT_BY_LAYER = {"layer_types", "architectures", "eos_token_id"}
"""Lists of the configuration that may be as long as there are layers."""


def prune(model: PreTrainedModel, num_layers: int) -> PreTrainedModel:
    """Return a model of some of a decoder's layers, with its embeddings and head.

    Raises:
        ValueError: when it has no more than that, or its layers differ in ways unknown here.
    """
    config = model.config.to_dict()
    there = model.config.num_hidden_layers
    kept = kept_layers(there, num_layers)
    # Only the model knows what a list with an entry for each layer means.
    other = [
        key
        for key, value in config.items()
        if isinstance(value, list) and len(value) == there and key not in _NOT_BY_LAYER
    ]
    if other:
        raise ValueError(
            f"{other[0]} of {type(model).__name__} has {there} entries, one for each layer, and "
            "only layer_types can be cut with the layers; leave `layers` out, or pick a model of "
            "the Llama, Qwen or Mistral family"
        )
    config["num_hidden_layers"] = num_layers
    if config.get("layer_types") is not None:
        config["layer_types"] = [config["layer_types"][layer] for layer in kept]
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
    pruned.load_state_dict(weights)
    pruned.generation_config = model.generation_config
    return pruned
