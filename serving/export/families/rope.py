"""The rotary embedding, as llama.cpp is told it."""

from __future__ import annotations

from typing import Any

import gguf
import torch
from torch import Tensor
from transformers import PreTrainedConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

from stratos.catalog.exportable_families import trained_length

_LOCAL = "sliding_attention"
_GLOBAL = "full_attention"


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
        _write_trained_length(writer, config)
        writer.add_rope_scaling_yarn_beta_fast(float(rope.get("beta_fast") or 32.0))
        writer.add_rope_scaling_yarn_beta_slow(float(rope.get("beta_slow") or 1.0))
        if rope.get("mscale_all_dim"):
            writer.add_rope_scaling_yarn_log_mul(float(rope["mscale_all_dim"]))
    if kind == "longrope":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LONGROPE)
        _write_trained_length(writer, config)
        writer.add_rope_scaling_attn_factors(_longrope_attention(config))


def _write_trained_length(writer: gguf.GGUFWriter, config: PreTrainedConfig) -> None:
    length = trained_length(config.to_dict()) or config.max_position_embeddings
    writer.add_rope_scaling_orig_ctx_len(length)


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
        # Both alike: see `stratos.catalog.exportable_families.same_until`.
        return {"rope_factors_long.weight": short, "rope_factors_short.weight": short}
    if rope_type(config) != "llama3":
        return {}
    size, base = head_size(config), float(rope["rope_theta"])
    plain = 1.0 / base ** (torch.arange(0, size, 2, dtype=torch.float32) / size)
    scaled, _ = ROPE_INIT_FUNCTIONS["llama3"](config, torch.device("cpu"))
    return {"rope_freqs.weight": plain / scaled}
