"""Models on offer, and those that a folder holds."""

from __future__ import annotations

from datetime import date

import pytest

from stratos.catalog.check import dimensions_of
from stratos.catalog.models import (
    bedrock_card,
    bedrock_teachers,
    card_from_config,
    count_parameters,
    default_students,
    default_teachers,
    hub_card,
    hub_models,
)
from stratos.spec import Weights

TODAY = date(2026, 11, 24)


def test_experts_count_only_as_far_as_a_token_passes_through_them() -> None:
    dims = dimensions_of(hub_models()["Qwen/Qwen3-30B-A3B"])
    assert count_parameters(dims) == pytest.approx(30.5e9, rel=0.01)
    assert count_parameters(dims, active=True) == pytest.approx(3.35e9, rel=0.01)


def test_a_config_json_gives_the_published_parameter_count() -> None:
    config = {
        "model_type": "qwen2",
        "hidden_size": 896,
        "num_hidden_layers": 24,
        "num_attention_heads": 14,
        "num_key_value_heads": 2,
        "intermediate_size": 4864,
        "vocab_size": 151_936,
        "tie_word_embeddings": True,
    }
    card = card_from_config("Qwen2.5-0.5B", config, "Apache-2.0")
    assert card.num_parameters == 494_032_768  # as transformers counts it
    assert (card.head_dim, card.num_kv_heads) == (64, 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "mamba"}, "supported are qwen2, qwen3, llama"),
        ({"hidden_size": None}, "needs a positive integer hidden_size, has None"),
        ({"vocab_size": "many"}, "needs a positive integer vocab_size, has 'many'"),
    ],
)
def test_a_config_that_cannot_be_read_says_what_it_lacks(
    change: dict[str, object], message: str
) -> None:
    config = {
        "model_type": "llama",
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 128,
        "vocab_size": 100,
    }
    with pytest.raises(ValueError, match=message):
        card_from_config("m", config | change)


def test_batch_inference_costs_about_half() -> None:
    now, batch = (bedrock_card("amazon.nova-pro-v1:0", batch=b) for b in (False, True))
    assert now.output_usd_per_million_tokens == 3.2
    assert batch.output_usd_per_million_tokens == 1.6


def test_a_model_that_is_not_listed_is_named_with_what_to_do() -> None:
    with pytest.raises(LookupError, match="stratos catalog show models"):
        hub_card(Weights(hub="nobody/nothing"))
    with pytest.raises(LookupError, match="stratos catalog refresh"):
        bedrock_card("nobody.nothing-v1:0")


def test_default_teachers_live_on_and_default_students_are_small() -> None:
    teachers = default_teachers(TODAY)
    assert len(teachers) >= 5
    assert all(row.prior_accuracy is not None for row in teachers)
    gone = [row for row in bedrock_teachers().values() if row.end_of_life == date(2026, 7, 7)]
    assert gone
    assert not set(gone) & set(teachers)
    assert max(row.num_parameters for row in default_students()) <= 9e9
