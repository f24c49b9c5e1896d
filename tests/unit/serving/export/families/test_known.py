"""What llama.cpp computes of a family, and what it would not."""

import pytest
from transformers import AutoConfig, LlamaConfig, Qwen2Config

from serving.export.families.known import FAMILIES, VARIED, family_of
from stratos.catalog.exportable_families import EXPORTABLE
from stratos.errors import NotExportable


def test_every_family_is_written_for_llama_cpp():
    assert set(FAMILIES) | set(VARIED) == set(EXPORTABLE)


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (AutoConfig.for_model("gpt2"), "models of type 'gpt2'"),
        (LlamaConfig(hidden_act="gelu"), "silu for llama, not gelu"),
        (
            Qwen2Config(use_sliding_window=True, sliding_window=8, max_window_layers=0),
            "for qwen2, llama.cpp has full attention, not sliding_attention",
        ),
        (
            LlamaConfig(rope_parameters={"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4}),
            "no rope scaling 'dynamic' for llama",
        ),
        (
            Qwen2Config(
                rope_parameters={
                    "rope_type": "yarn",
                    "factor": 2.0,
                    "rope_theta": 1e4,
                    "attention_factor": 1.5,
                    "original_max_position_embeddings": 64,
                }
            ),
            "attention_factor",
        ),
    ],
    ids=["family", "activation", "window", "rope", "attention factor"],
)
def test_what_llama_cpp_would_compute_otherwise_is_refused(config, reason):
    with pytest.raises(NotExportable, match=reason):
        family_of(config)
