"""Models on offer, and those that a folder holds."""

from __future__ import annotations

from datetime import date

import pytest

from stratos.catalog.models import (
    bedrock_card,
    bedrock_teachers,
    default_students,
    default_teachers,
    hub_card,
)
from stratos.spec import Weights

TODAY = date(2026, 11, 24)


def test_batch_inference_costs_about_half() -> None:
    now, batch = (bedrock_card("amazon.nova-pro-v1:0", batch=b) for b in (False, True))
    assert now.output_usd_per_million_tokens == 3.2
    assert batch.output_usd_per_million_tokens == 1.6


def test_a_model_that_is_not_listed_is_named_with_what_to_do() -> None:
    with pytest.raises(LookupError, match="stratos catalog show models"):
        hub_card(Weights(hub="nobody/nothing"))
    with pytest.raises(LookupError, match="stratos catalog refresh"):
        bedrock_card("nobody.nothing-v1:0")


def test_a_listed_model_whose_tokenizer_llama_cpp_lacks_is_left_to_gpus() -> None:
    refused = hub_card(Weights(hub="microsoft/Phi-4-mini-instruct")).llama_cpp_obstacle
    assert "capitals of any script" in str(refused)
    assert hub_card(Weights(hub="microsoft/phi-4")).llama_cpp_obstacle is None


def test_default_teachers_live_on_and_default_students_are_small() -> None:
    teachers = default_teachers(TODAY)
    assert len(teachers) >= 5
    assert all(row.prior_accuracy is not None for row in teachers)
    gone = [row for row in bedrock_teachers().values() if row.end_of_life == date(2026, 7, 7)]
    assert gone
    assert not set(gone) & set(teachers)
    assert max(row.num_parameters for row in default_students()) <= 9e9
