"""Sizes that are not a field of config.json."""

import gguf
import pytest
from transformers import AutoConfig

from serving.export.families.family import Family
from serving.export.families.hyperparameters import adjusted_size, write_hyperparameters
from serving.export.families.known import family_of
from tests.tiny_families import FAMILIES


def written(config, family=None):
    writer = gguf.GGUFWriter(None, "x")
    write_hyperparameters(writer, config, family or family_of(config))
    return {key.removeprefix("x."): value.value for key, value in writer.kv_data[0].items()}


def config_of(family, **changes):
    sizes = {
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "hidden_size": 32,
        "intermediate_size": 64,
    }
    return AutoConfig.for_model(family, **sizes | FAMILIES[family] | changes)


def test_layers_without_attention_have_no_heads_of_keys():
    found = written(config_of("lfm2"))
    assert found["attention.head_count_kv"] == [0, 2, 0, 2]
    assert written(config_of("qwen3_next"))["attention.head_count_kv"] == 2


@pytest.mark.parametrize(
    ("changes", "size"),
    [
        ({"block_auto_adjust_ff_dim": False}, 100),
        ({"block_auto_adjust_ff_dim": True, "block_multiple_of": 16}, 80),
        ({"block_auto_adjust_ff_dim": True, "block_ffn_dim_multiplier": 0.5}, 256),
    ],
)
def test_lfm2_adjusts_its_width(changes, size):
    assert adjusted_size(config_of("lfm2", intermediate_size=100, **changes)) == size


def test_the_period_of_full_attention_is_written():
    found = written(config_of("gemma3_text", head_dim=8))
    assert found["attention.sliding_window_pattern"] == 4
    assert found["attention.sliding_window"] == 8
    assert found["rope.freq_base_swa"] == 10_000.0


def test_granite_multiplies_and_divides():
    found = written(config_of("granite"))
    scales = ["embedding_scale", "residual_scale", "attention.scale", "logit_scale"]
    assert [found[name] for name in scales] == [3.0, 0.5, 0.25, 2.0]


def test_a_family_without_more_writes_the_shape_alone():
    found = written(config_of("llama"), Family(gguf.MODEL_ARCH.LLAMA))
    assert found["embedding_length"] == 32
    assert found["rope.dimension_count"] == 8
    assert not [key for key in found if "expert" in key or "scale" in key]
