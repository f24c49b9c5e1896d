"""The shipped list of families, against transformers itself."""

import pytest
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from benchmarks.families import row
from stratos.catalog.trainable import TriedFamily, families


def test_the_list_has_every_text_model_of_transformers():
    assert set(families()) == set(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)


@pytest.mark.parametrize(
    "model_type", ["starcoder2", "gpt2", "bloom", "deepseek_v3", "gemma3", "phimoe", "bert", "bart"]
)
def test_a_sample_of_the_list_is_found_again(model_type):
    listed = families()[model_type]
    found = {field: value for field, value in row(model_type).items() if value}
    assert TriedFamily.model_validate(found) == listed
