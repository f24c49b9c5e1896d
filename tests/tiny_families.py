"""A tiny random model of each family that people train or ask, as transformers builds it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

from tests.unit.training.tiny_models import make_tokenizer

_SHAPE: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 512,
    "initializer_range": 0.2,
    "bos_token_id": None,
    "eos_token_id": 1,
    "pad_token_id": 0,
}
_WINDOW = 8
_GRANITE: dict[str, Any] = {
    "embedding_multiplier": 3.0,
    "logits_scaling": 2.0,
    "residual_multiplier": 0.5,
    "attention_multiplier": 0.25,
    "tie_word_embeddings": True,
}
_ONE_WINDOW_IN_FOUR = ["sliding_attention"] * 3 + ["full_attention"]
_MAMBA: dict[str, Any] = {
    "mamba_n_heads": 8,
    "mamba_d_head": 8,
    "mamba_d_state": 16,
    "mamba_n_groups": 1,
    "mamba_chunk_size": 8,
    "num_local_experts": 4,
    "num_experts_per_tok": 2,
    "shared_intermediate_size": 48,
    "layer_types": ["linear_attention", "full_attention", "linear_attention", "full_attention"],
}

STUDENTS: dict[str, dict[str, Any]] = {
    "llama": {},
    "qwen2": {"tie_word_embeddings": True},
    "qwen3": {"tie_word_embeddings": True},
    "mistral": {"sliding_window": None},
    "ministral": {"sliding_window": _WINDOW, "layer_types": _ONE_WINDOW_IN_FOUR},
    "ministral3": {
        "rope_parameters": {
            "rope_type": "yarn",
            "rope_theta": 10000.0,
            "factor": 4.0,
            "original_max_position_embeddings": 128,
            "beta_fast": 32.0,
            "beta_slow": 1.0,
            "mscale": 1.0,
            "mscale_all_dim": 1.0,
            "llama_4_scaling_beta": 0.1,
        },
    },
    "gemma3_text": {
        "sliding_window": _WINDOW,
        "layer_types": _ONE_WINDOW_IN_FOUR,
        "query_pre_attn_scalar": 8,
    },
    "smollm3": {"no_rope_layers": [1, 1, 1, 0], "layer_types": ["full_attention"] * 4},
    "phi3": {"original_max_position_embeddings": 512},
    "granite": _GRANITE,
    "olmo2": {},
    "olmo3": {"sliding_window": _WINDOW, "layer_types": _ONE_WINDOW_IN_FOUR},
}
"""Dense ones: `model_type` → what its config.json has beside the sizes."""

MIXTURES: dict[str, dict[str, Any]] = {
    "mixtral": {"num_local_experts": 4, "num_experts_per_tok": 2, "sliding_window": None},
    "qwen2_moe": {
        "num_experts": 4,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 24,
        "shared_expert_intermediate_size": 48,
        "layer_types": ["full_attention"] * 4,
    },
    "qwen3_moe": {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 24},
    "granitemoe": {**_GRANITE, "num_local_experts": 4, "num_experts_per_tok": 2},
}
"""Mixtures of experts."""

HYBRIDS: dict[str, dict[str, Any]] = {
    "lfm2": {
        "layer_types": ["conv", "full_attention", "conv", "full_attention"],
        "block_auto_adjust_ff_dim": False,
    },
    "granitemoehybrid": {**_GRANITE, **_MAMBA},
    "qwen3_next": {
        "num_experts": 4,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 24,
        "shared_expert_intermediate_size": 24,
        "linear_num_key_heads": 2,
        "linear_num_value_heads": 4,
        "linear_key_head_dim": 8,
        "linear_value_head_dim": 8,
        "layer_types": ["linear_attention"] * 3 + ["full_attention"],
    },
}
"""With layers that keep a state instead of keys and values."""

TEACHERS: dict[str, dict[str, Any]] = {
    "gemma2": {
        "sliding_window": _WINDOW,
        "layer_types": ["sliding_attention", "full_attention"] * 2,
        "query_pre_attn_scalar": 8,
        "final_logit_softcapping": 3.0,
        "attn_logit_softcapping": 5.0,
    },
    "cohere2": {
        "sliding_window": _WINDOW,
        "layer_types": _ONE_WINDOW_IN_FOUR,
        "logit_scale": 0.25,
    },
    "phi": {},
}
"""Others whose logits are more than a projection."""

FAMILIES: dict[str, dict[str, Any]] = STUDENTS | MIXTURES | HYBRIDS | TEACHERS


def make_tiny(family: str, vocabulary_size: int, seed: int = 0, **changes: Any) -> PreTrainedModel:
    """A random model in evaluation mode, float32; changes replace values of its config.json."""
    settings = _SHAPE | {"vocab_size": vocabulary_size} | FAMILIES[family] | changes
    if family == "ministral3":
        settings["rope_parameters"] = dict(settings["rope_parameters"])
    torch.manual_seed(seed)
    config = AutoConfig.for_model(family, **settings)
    model: PreTrainedModel = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    # Norms of one and biases of nothing would hide that they are left out.
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.add_(torch.randn_like(parameter) * 0.1)
    return model.eval()


def save_tiny(family: str, folder: Path, seed: int = 0, **changes: Any) -> Path:
    """Write a tiny model and its tokenizer, chat template included, as a Hugging Face folder."""
    tokenizer = make_tokenizer()
    make_tiny(family, len(tokenizer), seed, **changes).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
