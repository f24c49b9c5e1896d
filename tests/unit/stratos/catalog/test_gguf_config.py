from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stratos.catalog.gguf_config import gguf_config
from tests.tiny_gguf import write_tiny_gguf
from tests.unit.stratos.catalog.gguf_files import changed_gguf, header_of


def config_of(path: Path) -> dict[str, object]:
    header, read_range = header_of(path)
    return gguf_config(header, read_range, path.name)


def test_a_config_says_what_the_file_says(tmp_path: Path) -> None:
    config = config_of(write_tiny_gguf(tmp_path / "tiny.gguf"))
    assert config == {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "intermediate_size": 64,
        "max_position_embeddings": 512,
        "rms_norm_eps": 1e-06,
        "rope_theta": 10_000.0,
        "vocab_size": 259,
        "tie_word_embeddings": False,
        "dtype": "float32",
        "eos_token_id": 258,
        "attention_bias": False,
        "mlp_bias": False,
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architecture": "bloom"}, "architecture 'bloom'; those of llama, qwen2, qwen3, gemma3"),
        ({"architecture": "qwen2"}, "lacks blk.0.attn_k.bias and 2 more"),
        ({"integers": {"expert_count": 8}}, "says llama.expert_count, which is not understood"),
        ({"integers": {"rope.dimension_count": 8}}, "rope.dimension_count 8 where heads have 16"),
        ({"integers": {"attention.head_dim": 8}}, "attention.head_dim 8 where heads have 16"),
        ({"integers": {"block_count": 2}}, "lacks blk.1.attn_k.weight and 8 more"),
        ({"without": ["llama.context_length"]}, "needs a positive integer llama.context_length"),
        ({"tensors": {"blk.0.extra": np.ones(2, np.float32)}}, "has blk.0.extra, which is not"),
    ],
)
def test_what_is_not_understood_is_refused_by_name(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    path = changed_gguf(tmp_path / "x.gguf", **changes)
    with pytest.raises(ValueError, match=message):
        config_of(path)


def test_the_size_of_a_head_may_be_named_as_ollama_does(tmp_path: Path) -> None:
    path = changed_gguf(tmp_path / "x.gguf", integers={"attention.head_dim": 16})
    assert config_of(path)["head_dim"] == 16


def gemma3(path: Path, **values: Any) -> dict[str, object]:
    """The config of a tiny Gemma 3 that says this."""
    names = {
        "pattern": "attention.sliding_window_pattern",
        "capped": "final_logit_softcapping",
        "windowed": "rope.freq_base_swa",
        "local": "rope.local.freq_base",
        "whole": "rope.global.freq_base",
    }
    told = {names[name]: value for name, value in values.items()}
    integers = {name: value for name, value in told.items() if isinstance(value, int)}
    norms = ("attn_q_norm", "attn_k_norm", "post_attention_norm", "post_ffw_norm")
    return config_of(
        changed_gguf(
            path,
            architecture="gemma3",
            integers={"attention.sliding_window": 64, **integers},
            values={name: value for name, value in told.items() if name not in integers},
            tensors={f"blk.0.{name}.weight": np.ones(16, np.float32) for name in norms},
            without=["output.weight"],
        )
    )


def test_gemma_3_is_read_with_what_ollama_writes_beside(tmp_path: Path) -> None:
    plain = gemma3(tmp_path / "plain.gguf")
    assert plain["layer_types"] == ["sliding_attention"]
    told = gemma3(
        tmp_path / "x.gguf", pattern=[True], capped=30.0, local=10_000.0, whole=1_000_000.0
    )
    assert told == plain | {"final_logit_softcapping": 30.0}


def test_the_windows_of_gemma_3_follow_the_number_and_the_base_that_llama_cpp_reads(
    tmp_path: Path,
) -> None:
    config = gemma3(tmp_path / "x.gguf", pattern=1, windowed=500.0)
    assert config["layer_types"] == ["full_attention"]
    assert config["rope_local_base_freq"] == 500.0


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"pattern": [False]}, "for each layer, and not full attention in every 6th"),
        ({"local": 5.0}, "rope.local.freq_base 5 where llama.cpp takes 10000"),
        ({"whole": 5.0}, r"rope.global.freq_base 5 where llama.cpp takes 1e\+06"),
    ],
)
def test_what_llama_cpp_would_pass_over_is_refused(
    tmp_path: Path, told: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        gemma3(tmp_path / "x.gguf", **told)


def test_more_layers_than_tensors_are_refused_before_they_are_counted(tmp_path: Path) -> None:
    path = changed_gguf(tmp_path / "x.gguf", integers={"block_count": 2**32 - 1})
    with pytest.raises(ValueError, match=r"says block_count 4,294,967,295 and has 12 tensors"):
        config_of(path)
