"""Rules for tensors: the order and the shape in which llama.cpp wants them."""

from __future__ import annotations

import torch
from torch import Tensor
from transformers import PreTrainedConfig

from serving.export.families.family import Rule

Made = tuple[Tensor, ...]


def same(weight: Tensor, config: PreTrainedConfig) -> Made:
    """The tensor as it is."""
    return (weight,)


def _neighbours(weight: Tensor, heads: int) -> Made:
    halves = weight.reshape(heads, 2, weight.shape[0] // heads // 2, *weight.shape[1:])
    return (halves.swapaxes(1, 2).reshape(weight.shape),)


def _queries(weight: Tensor, config: PreTrainedConfig) -> Made:
    return _neighbours(weight, config.num_attention_heads)


def _keys(weight: Tensor, config: PreTrainedConfig) -> Made:
    return _neighbours(weight, config.num_key_value_heads)


NEIGHBOURS = (
    Rule(r"\.q_proj\.(weight|bias)", _queries),
    Rule(r"\.k_proj\.(weight|bias)", _keys),
)
"""Its rotary embedding turns neighbouring numbers of a head together, where transformers turns the
first half with the second: rows change places."""


def _plus_one(weight: Tensor, config: PreTrainedConfig) -> Made:
    return (weight.float() + 1,)


NORMS_FROM_ONE = Rule(r"norm\.weight", _plus_one)
"""transformers multiplies by 1 + weight."""


def _halves(weight: Tensor, config: PreTrainedConfig) -> Made:
    return weight.chunk(2, dim=-2)


_EXPERT_HALVES = ("blk.{layer}.ffn_gate_exps.weight", "blk.{layer}.ffn_up_exps.weight")
EXPERTS = (
    Rule(r"\.experts\.gate_up_proj", _halves, _EXPERT_HALVES),
    Rule(r"\.experts\.down_proj", same, ("blk.{layer}.ffn_down_exps.weight",)),
)
"""As transformers computes with them; most folders hold one tensor for each expert."""
GRANITE_EXPERTS = (
    Rule(r"\.block_sparse_moe\.input_linear\.weight", _halves, _EXPERT_HALVES),
    Rule(
        r"\.shared_mlp\.input_linear\.weight",
        _halves,
        ("blk.{layer}.ffn_gate_shexp.weight", "blk.{layer}.ffn_up_shexp.weight"),
    ),
)
GRANITE_DENSE = (
    Rule(
        r"\.shared_mlp\.input_linear\.weight",
        _halves,
        ("blk.{layer}.ffn_gate.weight", "blk.{layer}.ffn_up.weight"),
    ),
    Rule(r"\.shared_mlp\.output_linear\.weight", same, ("blk.{layer}.ffn_down.weight",)),
)
"""What is shared beside experts is all there is where there are none."""


def _row(weight: Tensor, config: PreTrainedConfig) -> Made:
    return (weight.squeeze(0),)


SHARED_EXPERT = Rule(r"\.shared_expert_gate\.weight", _row)


def _without_channel(weight: Tensor, config: PreTrainedConfig) -> Made:
    return (weight.squeeze(1),)


CONVOLUTION = Rule(r"\.conv(1d|\.conv)\.weight", _without_channel)


def _decay(weight: Tensor, config: PreTrainedConfig) -> Made:
    return (-weight.float().exp(),)


def _decay_column(weight: Tensor, config: PreTrainedConfig) -> Made:
    return (-weight.float().exp().unsqueeze(-1),)


def _column(weight: Tensor, config: PreTrainedConfig) -> Made:
    return (weight.unsqueeze(-1),)


def _by_group(weight: Tensor, config: PreTrainedConfig) -> Made:
    return (weight.reshape(config.mamba_n_groups, -1),)


_TIME_STEP = Rule(r"\.dt_bias", same, ("blk.{layer}.ssm_dt.bias",))
MAMBA = (
    CONVOLUTION,
    _TIME_STEP,
    Rule(r"\.A_log", _decay_column, ("blk.{layer}.ssm_a",)),
    Rule(r"\.mamba\.D", _column, ("blk.{layer}.ssm_d",)),
    Rule(r"\.mamba\.norm\.weight", _by_group),
)


def _by_kind(weight: Tensor, config: PreTrainedConfig) -> Made:
    """Rows of a projection: the kinds of each head → the heads of each kind, the gate apart."""
    groups, row = config.linear_num_key_heads, weight.shape[-1]
    keys = config.linear_key_head_dim
    values = config.linear_num_value_heads // groups * config.linear_value_head_dim
    parts = torch.split(weight.reshape(groups, -1, row), [keys, keys, values, values], dim=1)
    query, key, value, gate = (part.reshape(-1, row) for part in parts)
    return torch.cat([query, key, value]), gate


GATED_DELTA = (
    CONVOLUTION,
    _TIME_STEP,
    Rule(r"\.A_log", _decay, ("blk.{layer}.ssm_a",)),
    Rule(r"\.linear_attn\.norm\.weight", same),
    Rule(
        r"\.in_proj_qkvz\.weight",
        _by_kind,
        ("blk.{layer}.attn_qkv.weight", "blk.{layer}.attn_gate.weight"),
    ),
)
