"""What transformers takes where a published config.json leaves a setting out.

Those of models of several parts name only what differs from the class: Gemma 3's has no heads.
"""

from __future__ import annotations

from collections.abc import Mapping

_WINDOW_OF_QWEN = {"use_sliding_window": False, "sliding_window": 4096}
_DEFAULTS: Mapping[str, Mapping[str, int]] = {
    "cohere2": {"sliding_window": 4096, "sliding_window_pattern": 4},
    "gemma2": {
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "head_dim": 256,
        "max_position_embeddings": 8192,
        "sliding_window": 4096,
        "sliding_window_pattern": 2,
    },
    "gemma3_text": {
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "head_dim": 256,
        "max_position_embeddings": 131_072,
        "sliding_window": 4096,
        "sliding_window_pattern": 6,
    },
    "gpt_oss": {"sliding_window": 128, "sliding_window_pattern": 2},
    "llama": {"num_attention_heads": 32, "max_position_embeddings": 2048},
    "mistral": {"num_attention_heads": 32, "num_key_value_heads": 8},
    "olmo3": {"sliding_window": 4096, "sliding_window_pattern": 4},
    "qwen2": {"num_attention_heads": 32, "max_window_layers": 28, **_WINDOW_OF_QWEN},
    "qwen2_moe": {"max_window_layers": 28, **_WINDOW_OF_QWEN},
    "qwen3": {
        "num_attention_heads": 32,
        "head_dim": 128,
        "max_window_layers": 28,
        **_WINDOW_OF_QWEN,
    },
    "qwen3_moe": _WINDOW_OF_QWEN,
    "smollm3": {"use_sliding_window": False},
}
"""By `model_type` of the text, as the classes of the jobs' release have it. Every so many-th layer
sees everything, by `sliding_window_pattern`, a name of earlier releases."""


def with_defaults(config: Mapping[str, object]) -> Mapping[str, object]:
    """A text's config.json with the sizes that it leaves to its class."""
    left_out = _DEFAULTS.get(str(config.get("model_type")), {})
    if "_sliding_window_pattern" in config:
        left_out = {key: left_out[key] for key in left_out if key != "sliding_window_pattern"}
    return {**left_out, **config}
