"""The shape of a network, as llama.cpp is told it."""

from __future__ import annotations

import gguf
from transformers import PreTrainedConfig

from serving.export.families.family import Family
from serving.export.families.rope import head_size, write_rope
from stratos.catalog.exportable_families import same_until

_ATTENDS = ("attention", "full_attention", "sliding_attention")


def write_hyperparameters(
    writer: gguf.GGUFWriter, config: PreTrainedConfig, family: Family
) -> None:
    """Write the shape of the network and of its rotary embedding."""
    length = same_until(config.to_dict()) or config.max_position_embeddings
    writer.add_context_length(length)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(family.feed_forward(config))
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(_heads_of_keys(config, family))
    writer.add_key_length(head_size(config))
    writer.add_value_length(head_size(config))
    writer.add_layer_norm_rms_eps(getattr(config, "rms_norm_eps", None) or config.norm_eps)
    writer.add_vocab_size(config.vocab_size)
    write_rope(writer, config)
    for write in family.writes:
        write(writer, config)


def _heads_of_keys(config: PreTrainedConfig, family: Family) -> int | list[int]:
    heads = int(config.num_key_value_heads)
    if not family.counts_heads_by_layer:
        return heads
    return [heads if kind in _ATTENDS else 0 for kind in config.layer_types]


def gemma_window(writer: gguf.GGUFWriter, config: PreTrainedConfig) -> None:
    """Every so many layers, the last attends to everything."""
    full = [layer for layer, kind in enumerate(config.layer_types) if kind == "full_attention"]
    writer.add_sliding_window(config.sliding_window)
    writer.add_sliding_window_pattern(full[0] + 1 if full else config.num_hidden_layers + 1)


def olmo_window(writer: gguf.GGUFWriter, config: PreTrainedConfig) -> None:
    writer.add_sliding_window(config.sliding_window)


def no_window(writer: gguf.GGUFWriter, config: PreTrainedConfig) -> None:
    # Else llama.cpp looks for the one of Phi-3.
    writer.add_sliding_window(0)


def scales(writer: gguf.GGUFWriter, config: PreTrainedConfig) -> None:
    """What Granite multiplies and divides by."""
    writer.add_embedding_scale(config.embedding_multiplier)
    writer.add_residual_scale(config.residual_multiplier)
    writer.add_attention_scale(config.attention_multiplier)
    writer.add_logit_scale(config.logits_scaling)


def attention_temperature(writer: gguf.GGUFWriter, config: PreTrainedConfig) -> None:
    beta = (config.rope_parameters or {}).get("llama_4_scaling_beta")
    if beta:
        writer.add_attn_temperature_scale(float(beta))


def experts(writer: gguf.GGUFWriter, config: PreTrainedConfig) -> None:
    """How many experts there are, how many a token passes, and how wide they are."""
    count = getattr(config, "num_experts", None) or config.num_local_experts
    writer.add_expert_count(count)
    writer.add_expert_used_count(config.num_experts_per_tok)
    size = getattr(config, "moe_intermediate_size", None)
    if size:
        writer.add_expert_feed_forward_length(size)
    shared = getattr(config, "shared_expert_intermediate_size", None) or getattr(
        config, "shared_intermediate_size", None
    )
    if shared:
        writer.add_expert_shared_feed_forward_length(shared)


def short_convolution(writer: gguf.GGUFWriter, config: PreTrainedConfig) -> None:
    writer.add_shortconv_l_cache(config.conv_L_cache)


def adjusted_size(config: PreTrainedConfig) -> int:
    """LFM2's width of the feed-forward block."""
    size = int(config.intermediate_size)
    if not config.block_auto_adjust_ff_dim:
        return size
    size = int(2 * size / 3)
    size, step = int(config.block_ffn_dim_multiplier * size), int(config.block_multiple_of)
    return -(-size // step) * step


def shared_size(config: PreTrainedConfig) -> int:
    """Granite 4's width of the feed-forward block, or of one expert."""
    dense = not config.num_local_experts
    return int(config.shared_intermediate_size if dense else config.intermediate_size)


def mamba(writer: gguf.GGUFWriter, config: PreTrainedConfig) -> None:
    writer.add_ssm_conv_kernel(config.mamba_d_conv)
    writer.add_ssm_state_size(config.mamba_d_state)
    writer.add_ssm_group_count(config.mamba_n_groups)
    writer.add_ssm_inner_size(config.mamba_n_heads * config.mamba_d_head)
    writer.add_ssm_time_step_rank(config.mamba_n_heads)


def positions(writer: gguf.GGUFWriter, config: PreTrainedConfig) -> None:
    """Whether attention knows positions at all; layers that carry a state know them anyway."""
    writer.add_rope_scaling_finetuned(config.position_embedding_type == "rope")


def gated_delta(writer: gguf.GGUFWriter, config: PreTrainedConfig) -> None:
    writer.add_ssm_conv_kernel(config.linear_conv_kernel_dim)
    writer.add_ssm_state_size(config.linear_key_head_dim)
    writer.add_ssm_group_count(config.linear_num_key_heads)
    writer.add_ssm_time_step_rank(config.linear_num_value_heads)
    writer.add_ssm_inner_size(config.linear_value_head_dim * config.linear_num_value_heads)
    writer.add_full_attention_interval(config.layer_types.index("full_attention") + 1)
