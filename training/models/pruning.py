"""A smaller model cut out of a larger one."""

from __future__ import annotations

from torch import Tensor
from transformers import AutoModelForCausalLM, PreTrainedModel

from stratos.catalog.layers import cut_config, kept_layers, moved


def prune(model: PreTrainedModel, num_layers: int) -> PreTrainedModel:
    """Return a model of some of a decoder's layers, with its embeddings and head.

    Raises:
        ValueError: when it has no more than that, or its layers differ in ways unknown here.
    """
    name, there = type(model).__name__, model.config.num_hidden_layers
    kept = kept_layers(there, num_layers)
    config = cut_config(name, model.config.to_dict(), there, kept)
    # A new model, because each layer holds its index, by which it finds its cache.
    pruned: PreTrainedModel = AutoModelForCausalLM.from_config(
        type(model.config).from_dict(config), dtype=model.dtype, trust_remote_code=False
    )
    place = {layer: number for number, layer in enumerate(kept)}
    weights: dict[str, Tensor] = {}
    for old, value in model.state_dict().items():
        new = moved(old, place)
        if new is not None:
            weights[new] = value
    expected = pruned.state_dict()
    unfit = [
        key
        for key in sorted(weights.keys() | expected.keys())
        if key not in weights or key not in expected or weights[key].shape != expected[key].shape
    ]
    if unfit:
        raise ValueError(
            f"{name} cannot be cut: {unfit[0]} does not fit what it becomes ({len(unfit)} such "
            "weights). The kinds of its layers may follow from their numbers, which a cut changes; "
            "leave `layers` out, or cut a model of another family"
        )
    pruned.load_state_dict(weights)
    pruned.generation_config = model.generation_config
    return pruned
