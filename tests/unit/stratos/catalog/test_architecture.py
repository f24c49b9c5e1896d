"""Sizes of a model, by its config.json and the tensors of its files."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stratos.catalog.architecture import architecture, layer_kinds, parameters_of
from stratos.catalog.cards import card_from_config
from stratos.catalog.safetensors import StoredTensor
from tests import factories

CONFIG: dict[str, Any] = json.loads(factories.model_files()["config.json"])


def stored(shapes: dict[str, tuple[int, ...]], dtype: str = "BF16") -> tuple[StoredTensor, ...]:
    return tuple(StoredTensor(name, dtype, shape) for name, shape in shapes.items())


TENSORS = stored(factories.qwen2_tensors())


def test_a_tied_head_counts_once_even_where_it_is_stored() -> None:
    head = stored({"lm_head.weight": (500, 32)})
    found = architecture("m", CONFIG, TENSORS + head)
    assert found.num_parameters == sum(map(parameters_of, TENSORS))
    untied = architecture("m", CONFIG | {"tie_word_embeddings": False}, TENSORS + head)
    assert untied.num_parameters == found.num_parameters + 500 * 32
    assert (found.dtype, found.num_bytes) == ("BF16", 2 * found.num_parameters)


@pytest.mark.parametrize(
    "experts",
    [
        {"mlp.experts.gate_up_proj": (4, 16, 32)},
        {f"mlp.experts.{expert}.gate_proj.weight": (16, 32) for expert in range(4)},
        {"block_sparse_moe.input_linear.weight": (4, 16, 32)},
    ],
    ids=["fused", "one by one", "another name"],
)
def test_of_experts_as_many_are_active_as_a_token_is_sent_to(
    experts: dict[str, tuple[int, ...]],
) -> None:
    more = {f"model.layers.0.{name}": shape for name, shape in experts.items()}
    more["model.layers.0.mlp.shared_expert.gate_proj.weight"] = (7, 32)
    config = CONFIG | {"num_experts": 4, "num_experts_per_tok": 1}
    found = architecture("m", config, TENSORS + stored(more))
    assert found.num_parameters - found.num_active_parameters == 3 * 16 * 32


def test_layers_without_attention_keep_no_keys() -> None:
    hybrid = tuple(
        StoredTensor(one.name.replace("0.self_attn", "0.linear_attn"), one.dtype, one.shape)
        for one in TENSORS
    )
    card = card_from_config("m", CONFIG, hybrid)
    assert (card.num_layers, card.num_attention_layers) == (2, 1)


def test_a_cut_model_has_the_tensors_and_kinds_of_the_layers_that_are_left() -> None:
    config = CONFIG | {
        "num_hidden_layers": 5,
        "layer_types": ["sliding_attention"] * 4 + ["full_attention"],
        "sliding_window": 8,
    }
    tensors = stored(factories.qwen2_tensors(layers=5))
    wide = stored({"model.layers.1.extra.weight": (9, 9), "model.layers.4.extra.weight": (3, 3)})
    card = card_from_config("m", config, tensors + wide, layers=3)
    expected = sum(map(parameters_of, stored(factories.qwen2_tensors(layers=3)))) + 9
    assert (card.num_parameters, card.num_layers) == (expected, 3)
    assert (card.num_window_layers, card.window_tokens) == (2, 8)
    with pytest.raises(ValueError, match="m has 5 layers; `layers: 5` must be below that"):
        card_from_config("m", config, tensors, layers=5)


def test_the_text_of_a_model_of_several_parts_is_described_alone() -> None:
    parts = stored({"vision_tower.encoder.layers.0.x.weight": (99, 99)}) + tuple(
        StoredTensor("language_model." + one.name, one.dtype, one.shape) for one in TENSORS
    )
    config = {"model_type": "gemma3", "text_config": CONFIG, "vision_config": {"hidden_size": 99}}
    card = card_from_config("m", config, parts)
    assert card.num_parameters == sum(map(parameters_of, TENSORS))
    assert (card.hidden_size, card.num_layers) == (32, 2)


def test_two_weights_of_mxfp4_lie_in_a_byte() -> None:
    packed = stored({"x.gate_up_proj_blocks": (2, 3, 16), "x.gate_up_proj_scales": (2, 3)}, "U8")
    assert [parameters_of(one) for one in packed] == [192, 0]


@pytest.mark.parametrize(
    ("settings", "kinds"),
    [
        ({}, "ffff"),
        ({"sliding_window": 8}, "ssss"),
        ({"sliding_window": None}, "ffff"),
        ({"sliding_window": 8, "use_sliding_window": False}, "ffff"),
        ({"sliding_window": 8, "use_sliding_window": True, "max_window_layers": 3}, "fffs"),
        ({"sliding_window": 8, "sliding_window_pattern": 2}, "sfsf"),
        ({"layer_types": ["linear_attention", "full_attention"] * 2}, "lflf"),
    ],
)
def test_kinds_of_layers_are_worked_out_where_config_json_does_not_name_them(
    settings: dict[str, Any], kinds: str
) -> None:
    assert "".join(kind[0] for kind in layer_kinds(settings, 4)) == kinds


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden_size": None}, "needs a positive integer hidden_size, has None"),
        ({"vocab_size": "many"}, "needs a positive integer vocab_size, has 'many'"),
        ({"num_hidden_layers": 3}, "config.json says 3 layers, the files hold 2"),
    ],
)
def test_a_config_that_cannot_be_read_says_what_it_lacks(
    change: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        card_from_config("m", CONFIG | change, TENSORS)


@pytest.mark.parametrize(
    "names",
    [
        {"num_layers": 2, "d_model": 32, "attention_heads": 4},
        {"n_layer": 2, "n_embd": 32, "n_head": 4},
        {"n_layers": 2, "d_model": 32, "n_heads": 4},
        {"layers_block_type": ["mamba", "attention"], "d_model": 32, "n_head": 4},
    ],
)
def test_sizes_are_found_under_the_names_of_older_families(names: dict[str, object]) -> None:
    config = {"model_type": "xglm", "vocab_size": 500, **names}
    card = card_from_config("m", config, TENSORS)
    assert (card.num_layers, card.hidden_size, card.num_heads) == (2, 32, 4)


def test_a_family_may_run_each_stored_layer_several_times() -> None:
    card = card_from_config(
        "m", CONFIG | {"model_type": "hrm_text", "num_hidden_layers": 16}, TENSORS
    )
    assert card.num_layers == 16


@pytest.mark.parametrize("tensors", [TENSORS, TENSORS[:1]])
def test_more_layers_than_any_model_has_are_refused_and_not_listed(
    tensors: tuple[StoredTensor, ...],
) -> None:
    with pytest.raises(ValueError, match="says 2,000,000,000 layers, and no model has more"):
        architecture("m", CONFIG | {"num_hidden_layers": 2_000_000_000}, tensors)
