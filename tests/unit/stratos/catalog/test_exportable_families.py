"""What llama.cpp would compute otherwise, family by family."""

from __future__ import annotations

from typing import Any

import pytest
from transformers import AutoConfig

from stratos.catalog.exportable import export_obstacle
from stratos.catalog.exportable_families import same_until

_WINDOW, _FULL = "sliding_attention", "full_attention"


@pytest.mark.parametrize(
    ("model_type", "config", "reason"),
    [
        (
            "gemma3_text",
            {"final_logit_softcapping": 30.0},
            "final_logit_softcapping None, not 30",
        ),
        ("gemma3_text", {"query_pre_attn_scalar": 100}, "query_pre_attn_scalar 256, not 100"),
        ("gemma3_text", {"hidden_activation": "silu"}, "gelu_pytorch_tanh for gemma3_text"),
        ("gemma3_text", {"layer_types": [_FULL, _WINDOW, _WINDOW]}, "every 1th layer"),
        ("gemma3_text", {"layer_types": [_WINDOW, _WINDOW]}, "not only sliding_attention"),
        ("olmo3", {"layer_types": [_WINDOW, _FULL]}, "every 4th layer with full attention"),
        ("smollm3", {"num_hidden_layers": 2, "no_rope_layers": [1, 0]}, "every 4th layer"),
        ("qwen2_moe", {"norm_topk_prob": True}, "norm_topk_prob False, not True"),
        ("qwen3_moe", {}, "norm_topk_prob True, not False"),
        ("qwen3_moe", {"norm_topk_prob": True, "mlp_only_layers": [0]}, "experts in every layer"),
        ("qwen3_next", {"linear_key_head_dim": 64}, "linear heads of one size, not 64 and 128"),
        ("lfm2", {"conv_bias": True}, "conv_bias False, not True"),
        ("granitemoehybrid", {"layer_types": ["rwkv"]}, "attention and states, not rwkv"),
        ("llama", {"partial_rotary_factor": 0.5}, "turns whole heads for llama, not 0.5"),
        ("olmo2", {"attention_bias": True}, "attention_bias False, not True"),
        (
            "qwen3",
            {"num_hidden_layers": 29, "use_sliding_window": True},
            "full attention, not sliding_attention",
        ),
    ],
)
def test_what_differs_is_named(model_type: str, config: dict[str, Any], reason: str) -> None:
    found = export_obstacle({"model_type": model_type, "hidden_size": 64, **config})
    assert reason in (found or "none")


@pytest.mark.parametrize(
    ("model_type", "config"),
    [
        ("gemma3_text", {"layer_types": [*[_WINDOW] * 5, _FULL, _WINDOW]}),
        ("smollm3", {"num_hidden_layers": 8, "no_rope_layer_interval": 4}),
        ("olmo3", {"layer_types": [*[_WINDOW] * 3, _FULL]}),
        ("phi3", {"partial_rotary_factor": 0.75, "rope_scaling": {"type": "longrope"}}),
        ("mistral", {"sliding_window": 4096}),
        ("llama", {"num_hidden_layers": 2, "sliding_window": 64}),
        ("qwen3", {"num_hidden_layers": 29, "sliding_window": 64}),
        ("qwen3", {"num_hidden_layers": 28, "use_sliding_window": True}),
        (
            "olmo3",
            {
                "rope_scaling": {
                    "rope_type": "yarn",
                    "factor": 8.0,
                    "attention_factor": 1.2079441541679836,
                }
            },
        ),
    ],
    ids=[
        "a window left over",
        "positions",
        "window",
        "longrope",
        "window",
        "a window passed over",
        "a window not switched on",
        "a window beyond the last layer",
        "attention factor",
    ],
)
def test_what_llama_cpp_computes_alike_is_no_obstacle(
    model_type: str, config: dict[str, Any]
) -> None:
    assert export_obstacle({"model_type": model_type, "hidden_size": 64, **config}) is None


def test_the_part_about_text_is_looked_at_where_there_are_others() -> None:
    inner = {"model_type": "gemma3_text", "final_logit_softcapping": 30.0}
    found = export_obstacle({"model_type": "gemma3", "text_config": inner})
    assert "final_logit_softcapping" in (found or "none")


_LONG = {"max_position_embeddings": 512}
_PHI = _LONG | {"original_max_position_embeddings": 64}
_LONGROPE = {
    "rope_type": "longrope",
    "rope_theta": 1e4,
    "long_factor": [4.0, 8.0],
    "short_factor": [1.0, 1.5],
}


@pytest.mark.parametrize(
    ("model_type", "config", "longest"),
    [
        ("llama", _LONG, 512),
        ("mistral", _LONG | {"sliding_window": 128}, 128),
        ("mistral", _LONG | {"sliding_window": None}, 512),
        ("mistral", {"max_position_embeddings": 32_768}, 4_096),
        ("ministral", _LONG | {"sliding_window": 128}, 128),
        (
            "ministral",
            _LONG | {"num_hidden_layers": 1, "sliding_window": 128, "layer_types": [_FULL]},
            512,
        ),
        ("gemma3_text", _LONG | {"sliding_window": 128}, 512),
        ("phi3", _PHI | {"sliding_window": 128}, 128),
        (
            "phi3",
            {
                "hidden_size": 16,
                "num_attention_heads": 4,
                **_PHI,
                "rope_parameters": _LONGROPE | {"original_max_position_embeddings": 64},
            },
            64,
        ),
    ],
)
def test_a_text_is_no_longer_than_llama_cpp_computes_alike(
    model_type: str, config: dict[str, Any], longest: int
) -> None:
    # As a folder has it, and as the exporter reads it.
    assert same_until({"model_type": model_type, **config}) == longest
    assert same_until(AutoConfig.for_model(model_type, **config).to_dict()) == longest
