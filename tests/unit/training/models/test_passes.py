"""In which way a model is run while it decodes."""

import pytest

from benchmarks.families import tiny
from tests.tiny_families import make_tiny
from training.models.passes import way_of

VOCABULARY = 60


@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3_moe", "phi"])
def test_what_people_use_is_run_in_the_fastest_way(family):
    way = way_of(make_tiny(family, VOCABULARY))
    assert (way.mask, way.cache) == ("square", "buffers")


@pytest.mark.parametrize("family", ["gemma3_text", "lfm2", "qwen3_next"])
def test_windows_and_states_are_masked_by_transformers(family):
    way = way_of(make_tiny(family, VOCABULARY))
    assert (way.mask, way.cache) == ("row", "dynamic")


@pytest.mark.parametrize(
    ("model_type", "mask", "cache"),
    [
        ("bloom", "row", "dynamic"),
        ("mpt", "row", "dynamic"),
        ("minimax", None, "own"),
        ("rwkv", None, None),
    ],
)
def test_a_model_that_makes_its_own_masks_is_run_as_it_asks(model_type, mask, cache):
    way = way_of(tiny(model_type, VOCABULARY))
    assert (way.mask, way.cache) == (mask, cache)
