"""Which layers are kept."""

import pytest

from stratos.catalog.layers import cut_config, kept_layers, layer_of, moved


def test_kept_layers_are_evenly_spaced_from_the_first_to_the_last() -> None:
    assert kept_layers(24, 12) == [0, 2, 4, 6, 8, 10, 13, 15, 17, 19, 21, 23]
    assert kept_layers(5, 3) == [0, 2, 4]
    assert kept_layers(9, 2) == [0, 8]


@pytest.mark.parametrize("kept", [1, 5, 7])
def test_more_layers_than_there_are_cannot_be_kept(kept: int) -> None:
    with pytest.raises(ValueError, match="the model has 5 layers"):
        kept_layers(5, kept)


@pytest.mark.parametrize(
    ("name", "new"),
    [
        ("model.layers.3.mlp.up_proj.weight", "model.layers.1.mlp.up_proj.weight"),
        ("transformer.h.0.ln_1.bias", "transformer.h.0.ln_1.bias"),
        ("model.layers.1.mlp.experts.3.w1.weight", None),
        ("model.layers.3.mlp.experts.0.w1.weight", "model.layers.1.mlp.experts.0.w1.weight"),
        ("model.norm.weight", "model.norm.weight"),
    ],
)
def test_a_tensor_moves_with_its_layer_or_goes(name: str, new: str | None) -> None:
    assert moved(name, {0: 0, 3: 1}) == new


def test_a_tensor_outside_of_the_layers_has_none() -> None:
    assert layer_of("h.11.attn.weight") == 11
    assert layer_of("model.embed_tokens.weight") is None


def test_the_number_of_layers_is_cut_under_each_familys_word() -> None:
    assert cut_config("x", {"n_layer": 4, "n_head": 2}, 4, [0, 3]) == {"n_layer": 2, "n_head": 2}
    config = {"num_hidden_layers": 3, "layer_types": ["a", "b", "c"], "mlp_only_layers": [1, 2]}
    assert cut_config("x", config, 3, [0, 2]) == {
        "num_hidden_layers": 2,
        "layer_types": ["a", "c"],
        "mlp_only_layers": [1],
    }
