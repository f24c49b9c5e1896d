"""The sizes a tiny model of each type is built with, and the types that are no chat's decoder."""

from __future__ import annotations

from typing import Any

COMMON: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "moe_intermediate_size": 16,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "num_experts": 4,
    "num_local_experts": 4,
    "n_routed_experts": 4,
    "num_experts_per_tok": 2,
    "head_dim": 8,
    "qk_nope_head_dim": 8,
    "qk_rope_head_dim": 8,
    "v_head_dim": 8,
    "kv_lora_rank": 16,
    "q_lora_rank": 16,
    "eos_token_id": 1,
    "pad_token_id": 0,
    "is_decoder": True,
}
"""By the usual names; a type takes those that its config.json has."""

_ENCODER = "it is an encoder: it reads a whole text at once, and writes none"
_SOUND = "it writes sound, not text"
_DRAFT = "it drafts tokens for another model, and is none of its own"
NO_DECODER_OF_CHATS: dict[str, str] = {
    **dict.fromkeys(
        (
            "bert",
            "bert-generation",
            "big_bird",
            "camembert",
            "data2vec-text",
            "electra",
            "ernie",
            "megatron-bert",
            "rembert",
            "roberta",
            "roberta-prelayernorm",
            "roc_bert",
            "roformer",
            "xlm",
            "xlm-roberta",
            "xlm-roberta-xl",
            "xmod",
        ),
        _ENCODER,
    ),
    "gemma4_assistant": _DRAFT,
    "gemma4_unified_assistant": _DRAFT,
    "git": "it describes an image, and answers no chat",
    "musicgen": _SOUND,
    "musicgen_melody": _SOUND,
    "trocr": "it reads what an encoder saw of an image, and answers no chat",
    "xlnet": "it guesses words in any order, not each from those before it",
}
"""`model_type` → what it is instead."""

_MLA: dict[str, Any] = {"num_key_value_heads": 4}
"""Heads of latent attention share no keys."""
_GROUPS: dict[str, Any] = {"n_group": 2, "topk_group": 1}
_INDEX: dict[str, Any] = {"index_topk": 64, "index_head_dim": 16, "index_n_heads": 2}
_GEMMA4: dict[str, Any] = {
    "layer_types": [
        "sliding_attention",
        "sliding_attention",
        "sliding_attention",
        "full_attention",
    ],
    "sliding_window": 8,
    "global_head_dim": 16,
}
_LATENT_HYBRID: dict[str, Any] = {
    **_MLA,
    "layer_types": ["linear_attention"] * 3 + ["full_attention"],
    "num_experts_per_token": 2,
    "linear_head_dim": 8,
    "linear_num_heads": 4,
}
_GPTJ: dict[str, Any] = {"rotary_dim": 4, "n_embd": 32, "n_layer": 4, "n_head": 4}
_BYTES: dict[str, Any] = {
    "vocab_size": 260,
    "hidden_size": 32,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "num_hidden_layers": 2,
    "max_position_embeddings": 128,
}

OWN: dict[str, dict[str, Any]] = {
    "axk1": {**_MLA, **_GROUPS},
    "axk2": {**_MLA, **_INDEX},
    "bailing_hybrid": {
        **_LATENT_HYBRID,
        "num_expert_group": 2,
        "topk_group": 1,
        "mlp_layer_types": ["dense", "sparse", "sparse", "sparse"],
    },
    "bamba": {
        "mamba_n_heads": 8,
        "mamba_d_head": 8,
        "mamba_d_state": 16,
        "mamba_chunk_size": 8,
        "attn_layer_indices": [1, 3],
    },
    "beam": {
        **_GROUPS,
        "layer_types": ["sliding_attention", "full_attention"] * 2,
        "sliding_window": 8,
    },
    "blt": {
        "patcher_config": _BYTES | {"intermediate_size": 64},
        "encoder_config": _BYTES | {"hidden_size_global": 32},
        "decoder_config": _BYTES | {"hidden_size_global": 32, "intermediate_size": 64},
        "global_config": _BYTES | {"intermediate_size": 64},
        "encoder_hash_byte_group_vocab": 64,
        "encoder_hash_byte_group_size": [3, 4],
    },
    "codegen": _GPTJ,
    "cohere_compass_text": {
        "sliding_window": 8,
        "rope_parameters": {
            "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
            "full_attention": {"rope_type": "default", "rope_theta": 10000.0},
        },
    },
    "dbrx": {
        "d_model": 32,
        "n_heads": 4,
        "n_layers": 4,
        "max_seq_len": 128,
        "attn_config": {"kv_n_heads": 2, "rope_theta": 10000.0, "clip_qkv": 8.0},
        "ffn_config": {"ffn_hidden_size": 32, "moe_num_experts": 4, "moe_top_k": 2},
    },
    "deepseek_v2": {**_MLA, "first_k_dense_replace": 1},
    "deepseek_v3": {**_MLA, **_GROUPS, "first_k_dense_replace": 1},
    "deepseek_v32": {**_MLA, **_GROUPS, **_INDEX, "first_k_dense_replace": 1},
    "dots1": {"n_shared_experts": 1, "first_k_dense_replace": 1},
    "dots3_note_text": {
        **_MLA,
        **_INDEX,
        "head_dim": 16,
        "shared_experts_intermediate_size": 16,
        "swa_num_attention_heads": 4,
        "swa_num_key_value_heads": 4,
        "swa_q_lora_rank": 16,
        "swa_kv_lora_rank": 16,
        "swa_head_dim": 16,
        "swa_qk_nope_head_dim": 8,
        "swa_v_head_dim": 8,
        "sliding_window": 8,
    },
    "falcon": {
        "num_attention_heads": 4,
        "num_kv_heads": 2,
        "ffn_hidden_size": 64,
    },
    "falcon_h1": {
        "mamba_d_ssm": 64,
        "mamba_n_heads": 8,
        "mamba_d_head": 8,
        "mamba_d_state": 16,
        "mamba_chunk_size": 8,
    },
    "gemma3n_text": {
        "layer_types": ["sliding_attention", "full_attention"] * 2,
        "num_kv_shared_layers": 2,
        "sliding_window": 8,
        "hidden_size_per_layer_input": 8,
        "vocab_size_per_layer_input": 128,
        "laurel_rank": 8,
        "activation_sparsity_pattern": [0.0] * 4,
    },
    "gemma4_text": {**_GEMMA4, "hidden_size_per_layer_input": 8, "vocab_size_per_layer_input": 128},
    "gemma4_unified_text": _GEMMA4,
    "glm4_moe_lite": {**_MLA, "n_group": 1},
    "glm_moe_dsa": {**_MLA, **_INDEX, "first_k_dense_replace": 1},
    "gpt_neo": {
        "num_layers": 4,
        "num_heads": 4,
        "attention_types": [[["global", "local"], 2]],
        "window_size": 8,
    },
    "gptj": _GPTJ,
    "jamba": {"attn_layer_period": 2, "attn_layer_offset": 1, "mamba_dt_rank": 4},
    "kimi_linear": _LATENT_HYBRID,
    "lfm2_moe": {
        "layer_types": ["conv", "full_attention", "conv", "full_attention"],
        "num_dense_layers": 1,
    },
    "longcat_flash": {
        **_MLA,
        "num_layers": 2,
        "ffn_hidden_size": 64,
        "expert_ffn_hidden_size": 16,
        "zero_expert_num": 2,
        "moe_topk": 2,
    },
    "mamba2": {"num_heads": 8, "head_dim": 8, "n_groups": 1, "state_size": 16, "chunk_size": 8},
    "minicpm3": {**_MLA, "dim_model_base": 16},
    "phi4_multimodal": {
        "original_max_position_embeddings": 128,
        "vision_config": {
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "crop_size": 56,
            "image_token_id": 50,
        },
        "audio_config": {
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_blocks": 2,
            "num_attention_heads": 4,
            "ext_pw_out_channel": 32,
            "depthwise_separable_out_channel": 32,
            "nemo_conv_channels": 32,
            "audio_token_id": 51,
        },
    },
    "qwen4_exp_text": {
        "indexer_n_heads": 2,
        "indexer_kv_heads": 1,
        "indexer_head_dim": 8,
        "indexer_budget": 64,
        "indexer_compress_ratio": 4,
        "linear_key_head_dim": 8,
        "linear_value_head_dim": 8,
        "linear_num_key_heads": 2,
        "linear_num_value_heads": 4,
        "shared_expert_intermediate_size": 16,
        "hc_count": 2,
        "hc_lowrank": 8,
        "ngram_vocab_size_base": 64,
        "split_ngram_parts": 1,
    },
    "reformer": {
        "axial_pos_shape": [8, 16],
        "axial_pos_embds_dim": [16, 16],
        "attention_head_size": 8,
        "feed_forward_size": 64,
        "attn_layers": ["local", "lsh", "local", "lsh"],
        "local_attn_chunk_length": 8,
        "lsh_attn_chunk_length": 8,
        "num_buckets": 4,
    },
    "xlstm": {"num_heads": 4, "num_blocks": 4, "chunk_size": 16, "hidden_size": 128},
    "youtu": _MLA,
    "zamba": {
        "num_key_value_heads": 4,
        "layers_block_type": ["linear_attention", "hybrid"] * 2,
        "mamba_dt_rank": 4,
    },
    "zamba2": {
        "num_key_value_heads": 4,
        "layers_block_type": ["linear_attention", "hybrid", "linear_attention", "hybrid"],
        "mamba_d_state": 16,
        "n_mamba_heads": 4,
        "chunk_size": 8,
        "adapter_rank": 8,
    },
    "zaya": {"num_experts_per_tok": 1, "router_hidden_size": 16},
}
"""`model_type` → what it needs beside the common sizes, or in their place."""
