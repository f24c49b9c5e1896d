"""Rotary embeddings: what llama.cpp is told, and up to which length it computes the same."""

import torch
from transformers import AutoConfig

from serving.export.families.rope import rope_divisors, rope_type

LONG = {
    "rope_type": "longrope",
    "rope_theta": 1e4,
    "long_factor": [4.0, 8.0],
    "short_factor": [1.0, 1.5],
    "original_max_position_embeddings": 64,
}
PHI = {
    "hidden_size": 16,
    "num_attention_heads": 4,
    "max_position_embeddings": 512,
    "original_max_position_embeddings": 64,
}


def test_the_divisors_for_short_texts_are_taken_for_all_that_it_takes():
    config = AutoConfig.for_model("phi3", **PHI, rope_parameters=LONG)
    divisors = rope_divisors(config)
    assert set(divisors) == {"rope_factors_long.weight", "rope_factors_short.weight"}
    for found in divisors.values():
        assert found.tolist() == [1.0, 1.5]


def test_llama_3_divides_only_slow_frequencies():
    rope = {
        "rope_type": "llama3",
        "rope_theta": 5e5,
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 64,
    }
    config = AutoConfig.for_model("llama", head_dim=16, rope_parameters=rope)
    (divisors,) = rope_divisors(config).values()
    assert divisors[0] == 1.0
    torch.testing.assert_close(divisors[-1], torch.tensor(8.0))


def test_layers_that_attend_to_everything_say_what_scales():
    config = AutoConfig.for_model(
        "olmo3",
        rope_parameters={
            "full_attention": {
                "rope_type": "yarn",
                "rope_theta": 1e4,
                "factor": 4.0,
                "original_max_position_embeddings": 64,
            },
            "sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
        },
    )
    assert rope_type(config) == "yarn"
