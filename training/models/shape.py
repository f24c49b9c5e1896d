"""The sizes of a model, which decide its memory and how it divides over devices."""

from __future__ import annotations

from typing import Any

from stratos.catalog.architecture import (
    FULL_ATTENTION,
    WINDOWED,
    experts_per_token,
    layer_kinds,
    positive,
)
from stratos.planning.forecast.transformer import Transformer


def shape_of(name: str, config: Any, num_parameters: int) -> Transformer:
    """Read the sizes out of a Transformers configuration."""
    config = config.get_text_config()
    told = config.to_dict()
    kinds = layer_kinds(told, config.num_hidden_layers)
    window_tokens = positive(told.get("sliding_window")) or 0
    heads = config.num_attention_heads
    inner = getattr(config, "moe_intermediate_size", 0) or getattr(config, "intermediate_size", 0)
    return Transformer(
        name=name,
        parameters=num_parameters,
        active_parameters=num_parameters,
        layers=config.num_hidden_layers,
        hidden_size=config.hidden_size,
        kv_heads=getattr(config, "num_key_value_heads", heads),
        head_dim=getattr(config, "head_dim", None) or config.hidden_size // heads,
        vocabulary=config.vocab_size,
        heads=heads,
        inner=inner,
        attention_layers=kinds.count(WINDOWED) + kinds.count(FULL_ATTENTION),
        window_layers=kinds.count(WINDOWED) if window_tokens else 0,
        window_tokens=window_tokens,
        experts_per_token=experts_per_token(told),
    )
