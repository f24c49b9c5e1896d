"""What a published config.json leaves out is what transformers takes."""

from __future__ import annotations

import pytest
from transformers import AutoConfig

from stratos.catalog.architecture import _WITHOUT_WINDOW, layer_kinds
from stratos.catalog.config_defaults import _DEFAULTS, with_defaults


@pytest.mark.parametrize("model_type", _DEFAULTS)
def test_sizes_and_windows_left_out_are_those_of_the_class(model_type: str) -> None:
    theirs = AutoConfig.for_model(model_type)
    ours = with_defaults({"model_type": model_type})
    if "use_sliding_window" in ours:  # else the class forgets how wide it would be
        windowed = AutoConfig.for_model(model_type, use_sliding_window=True)
        assert windowed.sliding_window == ours.get("sliding_window")
    for name in set(ours) - {"sliding_window_pattern"}:
        if name == "sliding_window" and "use_sliding_window" in ours:
            continue
        assert getattr(theirs, name) == ours[name], name
    if "sliding_window_pattern" in ours:
        assert layer_kinds(ours, theirs.num_hidden_layers) == theirs.layer_types


@pytest.mark.parametrize("model_type", ["qwen2", "qwen3", "smollm3"])
@pytest.mark.parametrize(
    "told",
    [
        {"num_hidden_layers": 30, "sliding_window": 64},
        {"num_hidden_layers": 30, "sliding_window": 64, "use_sliding_window": False},
    ],
    ids=["no word of a switch", "switched off"],
)
def test_a_window_counts_only_where_it_is_switched_on(
    model_type: str, told: dict[str, object]
) -> None:
    theirs = AutoConfig.for_model(model_type, **told)
    found = layer_kinds(with_defaults({"model_type": model_type, **told}), 30)
    assert found == theirs.layer_types == ["full_attention"] * 30


@pytest.mark.parametrize("model_type", ["qwen2", "qwen3"])
def test_qwens_windows_begin_where_the_class_says(model_type: str) -> None:
    told = {"num_hidden_layers": 30, "use_sliding_window": True}
    theirs = AutoConfig.for_model(model_type, **told)
    config = with_defaults({"model_type": model_type, **told})
    assert layer_kinds(config, 30) == theirs.layer_types
    assert theirs.layer_types[27:] == ["full_attention", "sliding_attention", "sliding_attention"]


@pytest.mark.parametrize("model_type", sorted(_WITHOUT_WINDOW))
def test_a_window_is_passed_over_where_the_class_has_none(model_type: str) -> None:
    assert not hasattr(AutoConfig.for_model(model_type), "sliding_window")
    told = {"model_type": model_type, "sliding_window": 64}
    assert layer_kinds(with_defaults(told), 2) == ["full_attention"] * 2


def test_what_the_file_says_is_kept() -> None:
    told = {"model_type": "gemma3_text", "head_dim": 128, "_sliding_window_pattern": 3}
    config = with_defaults(told)
    assert config["head_dim"] == 128
    assert [kind[0] for kind in layer_kinds(config, 3)] == ["s", "s", "f"]


def test_other_families_are_as_they_are() -> None:
    assert with_defaults({"model_type": "bloom"}) == {"model_type": "bloom"}
