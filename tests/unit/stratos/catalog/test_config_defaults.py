"""What a published config.json leaves out is what transformers takes."""

from __future__ import annotations

import pytest
from transformers import AutoConfig

from stratos.catalog.architecture import layer_kinds
from stratos.catalog.config_defaults import _DEFAULTS, with_defaults


@pytest.mark.parametrize("model_type", _DEFAULTS)
def test_sizes_and_windows_left_out_are_those_of_the_class(model_type: str) -> None:
    theirs = AutoConfig.for_model(model_type)
    ours = with_defaults({"model_type": model_type})
    for name in set(ours) - {"sliding_window_pattern"}:
        assert getattr(theirs, name) == ours[name], name
    if "sliding_window_pattern" in ours:
        assert layer_kinds(ours, theirs.num_hidden_layers) == theirs.layer_types


def test_what_the_file_says_is_kept() -> None:
    told = {"model_type": "gemma3_text", "head_dim": 128, "_sliding_window_pattern": 3}
    config = with_defaults(told)
    assert config["head_dim"] == 128
    assert [kind[0] for kind in layer_kinds(config, 3)] == ["s", "s", "f"]


def test_other_families_are_as_they_are() -> None:
    assert with_defaults({"model_type": "bloom"}) == {"model_type": "bloom"}
