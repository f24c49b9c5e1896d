"""Model families as llama.cpp knows them: what differs from one to the next."""

from __future__ import annotations

from dataclasses import dataclass

import gguf
import torch
from torch import Tensor
from transformers import PreTrainedConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

from stratos.catalog.exportable import require_network


@dataclass(frozen=True)
class Family:
    """A `model_type` of `config.json` in llama.cpp.

    Attributes:
        pairs_neighbours: Its rotary embedding turns neighbouring numbers of a head together, where
            transformers turns the first half with the second: rows of q and k change places.
    """

    architecture: gguf.MODEL_ARCH
    pairs_neighbours: bool = False


FAMILIES = {
    "llama": Family(gguf.MODEL_ARCH.LLAMA, pairs_neighbours=True),
    "qwen2": Family(gguf.MODEL_ARCH.QWEN2),
    "qwen3": Family(gguf.MODEL_ARCH.QWEN3),
}


def family_of(config: PreTrainedConfig) -> Family:
    """Look a model up.

    Raises:
        NotExportable: llama.cpp would compute something else than transformers, or nothing.
    """
    require_network(config.to_dict())
    return FAMILIES[config.model_type]


def rope_type(config: PreTrainedConfig) -> str:
    return str((config.rope_parameters or {}).get("rope_type", "default"))


def head_size(config: PreTrainedConfig) -> int:
    return int(
        getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    )


def write_hyperparameters(writer: gguf.GGUFWriter, config: PreTrainedConfig) -> None:
    """Write the shape of the network and of its rotary embedding."""
    rope = config.rope_parameters or {}
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(head_size(config))
    writer.add_value_length(head_size(config))
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    writer.add_rope_dimension_count(head_size(config))
    writer.add_rope_freq_base(float(rope.get("rope_theta", config.default_theta)))
    if rope_type(config) in ("linear", "yarn"):
        writer.add_rope_scaling_type(gguf.RopeScalingType(rope_type(config)))
        writer.add_rope_scaling_factor(float(rope["factor"]))
    if rope_type(config) == "yarn":
        trained = rope.get("original_max_position_embeddings") or config.max_position_embeddings
        writer.add_rope_scaling_orig_ctx_len(int(trained))
        writer.add_rope_scaling_yarn_beta_fast(float(rope.get("beta_fast") or 32.0))
        writer.add_rope_scaling_yarn_beta_slow(float(rope.get("beta_slow") or 1.0))


def rope_divisors(config: PreTrainedConfig) -> Tensor | None:
    """What llama.cpp divides each frequency by, for scalings that it has no formula for."""
    if rope_type(config) != "llama3":
        return None
    size, base = head_size(config), float(config.rope_parameters["rope_theta"])
    plain = 1.0 / base ** (torch.arange(0, size, 2, dtype=torch.float32) / size)
    scaled, _ = ROPE_INIT_FUNCTIONS["llama3"](config, torch.device("cpu"))
    divisors: Tensor = plain / scaled
    return divisors


def rearranged(name: str, weight: Tensor, family: Family, config: PreTrainedConfig) -> Tensor:
    """The rows of a weight in the order that llama.cpp expects."""
    if not family.pairs_neighbours:
        return weight
    heads = {
        "q_proj": config.num_attention_heads,
        "k_proj": config.num_key_value_heads,
    }.get(name.split(".")[-2])
    if heads is None:
        return weight
    halves = weight.reshape(heads, 2, weight.shape[0] // heads // 2, *weight.shape[1:])
    return halves.swapaxes(1, 2).reshape(weight.shape)
