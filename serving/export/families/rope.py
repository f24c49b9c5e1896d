"""The rotary embedding, as llama.cpp is told it."""

from __future__ import annotations

from typing import Any

import gguf
import torch
from torch import Tensor
from transformers import PreTrainedConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

_LOCAL = "sliding_attention"
_GLOBAL = "full_attention"
_WITHOUT_WINDOW = ("mistral", "ministral", "ministral3", "phi3")
"""They may have one in transformers; llama.cpp has none for them."""


def head_size(config: PreTrainedConfig) -> int:
    return int(
        getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    )


def rope_of(config: PreTrainedConfig) -> dict[str, Any]:
    """Of the layers that attend to everything, where others have one of their own."""
    rope: dict[str, Any] = config.rope_parameters or {}
    found: dict[str, Any] = rope.get(_GLOBAL, rope)
    return found


def rope_type(config: PreTrainedConfig) -> str:
    return str(rope_of(config).get("rope_type", "default"))


def _turned(config: PreTrainedConfig) -> int:
    """How many numbers of a head are turned."""
    return int(head_size(config) * float(rope_of(config).get("partial_rotary_factor") or 1.0))


def _trained_length(config: PreTrainedConfig) -> int:
    named = rope_of(config).get("original_max_position_embeddings")
    named = named or getattr(config, "original_max_position_embeddings", None)
    return int(named or config.max_position_embeddings)


def same_until(config: PreTrainedConfig) -> int:
    """The longest text of which llama.cpp computes what transformers does; it takes no longer one.

    For most that is what the model was made for. llama.cpp has no sliding window for some that
    have one, which matters beyond it, and it takes the divisors for long texts by the length of
    its cache and not of the text.
    """
    longest = int(config.max_position_embeddings)
    kinds = set(getattr(config, "layer_types", None) or (_LOCAL,))
    window = getattr(config, "sliding_window", None)
    if window and config.model_type in _WITHOUT_WINDOW and _LOCAL in kinds:
        longest = min(longest, int(window))
    if rope_type(config) == "longrope":
        longest = min(longest, _trained_length(config))
    return longest


def write_rope(writer: gguf.GGUFWriter, config: PreTrainedConfig) -> None:
    rope = rope_of(config)
    writer.add_rope_dimension_count(_turned(config))
    writer.add_rope_freq_base(float(rope.get("rope_theta", config.default_theta)))
    local = (config.rope_parameters or {}).get(_LOCAL)
    if local:
        writer.add_rope_freq_base_swa(float(local["rope_theta"]))
    kind = rope_type(config)
    if kind in ("linear", "yarn"):
        writer.add_rope_scaling_type(gguf.RopeScalingType(kind))
        writer.add_rope_scaling_factor(float(rope["factor"]))
    if kind == "yarn":
        writer.add_rope_scaling_orig_ctx_len(_trained_length(config))
        writer.add_rope_scaling_yarn_beta_fast(float(rope.get("beta_fast") or 32.0))
        writer.add_rope_scaling_yarn_beta_slow(float(rope.get("beta_slow") or 1.0))
        if rope.get("mscale_all_dim"):
            writer.add_rope_scaling_yarn_log_mul(float(rope["mscale_all_dim"]))
    if kind == "longrope":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LONGROPE)
        writer.add_rope_scaling_orig_ctx_len(_trained_length(config))
        writer.add_rope_scaling_attn_factors(_longrope_attention(config))


def _longrope_attention(config: PreTrainedConfig) -> float:
    factor = rope_of(config).get("attention_factor")
    if factor is not None:
        return float(factor)
    _, found = ROPE_INIT_FUNCTIONS["longrope"](config, torch.device("cpu"))
    return float(found)


def rope_divisors(config: PreTrainedConfig) -> dict[str, Tensor]:
    """What llama.cpp divides each frequency by, for scalings that it has no formula for."""
    rope = rope_of(config)
    if rope_type(config) == "longrope":
        short = torch.tensor(rope["short_factor"], dtype=torch.float32)
        # Both alike: see `same_until`.
        return {"rope_factors_long.weight": short, "rope_factors_short.weight": short}
    if rope_type(config) != "llama3":
        return {}
    size, base = head_size(config), float(rope["rope_theta"])
    plain = 1.0 / base ** (torch.arange(0, size, 2, dtype=torch.float32) / size)
    scaled, _ = ROPE_INIT_FUNCTIONS["llama3"](config, torch.device("cpu"))
    return {"rope_freqs.weight": plain / scaled}
