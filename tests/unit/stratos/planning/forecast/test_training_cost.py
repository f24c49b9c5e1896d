"""Arithmetic, seconds and dollars of training."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos.planning.forecast.engine import EFFICIENCIES
from stratos.planning.forecast.training_cost import (
    TrainingRates,
    attention_flop_per_token,
    billed_usd,
    linear_flop_per_token,
    optimizer_flop,
    spot_seconds,
    teacher_flop_per_token,
    training_tokens_per_second,
)
from tests.unit.stratos.planning.forecast.known_models import QWEN_8B, SMOLLM2

positive = st.floats(0.1, 10.0)


@given(factor=positive, method=st.sampled_from(["full", "lora"]))
def test_training_rate_scales_with_the_hardware(factor: float, method: str) -> None:
    def rate(flop: float) -> float:
        one = np.ones(1)
        hardware = TrainingRates(flop * one, 0.4 * one, one, 0.0 * one, 0.0 * one)
        found = training_tokens_per_second(QWEN_8B, method, 500, 8192, hardware)  # type: ignore[arg-type]
        return float(found[0])

    assert rate(1e14 * factor) == pytest.approx(factor * rate(1e14))


def test_training_8b_on_one_h100_is_near_the_published_rate() -> None:
    # torchtitan: 33-39% of 989 TFLOP/s for Llama 3 8B, about 6,000-7,500 tokens/s and GPU.
    one = np.ones(1)
    share = EFFICIENCIES["cuda"].training * EFFICIENCIES["cuda"].at_width(4096)
    hardware = TrainingRates(989e12 * one, share * one, one, 0.0 * one, 0.0 * one)
    found = float(training_tokens_per_second(QWEN_8B, "full", 8192, 16_384, hardware)[0])
    assert 5_000 < found < 7_500


def test_lora_needs_two_thirds_of_the_arithmetic_of_full_fine_tuning() -> None:
    full, lora = (linear_flop_per_token(QWEN_8B, method) for method in ("full", "lora"))
    assert lora / full == pytest.approx(2 / 3)
    tables = 151_936 * 4096
    assert full == pytest.approx(6 * (8.19e9 - tables))  # the embedding is only looked up


def test_only_tokens_that_carry_a_loss_are_projected_to_the_vocabulary() -> None:
    every, none = (linear_flop_per_token(QWEN_8B, "full", share) for share in (1.0, 0.0))
    assert every - none == 6 * 151_936 * 4096


def test_a_teacher_reads_every_token_once() -> None:
    full = linear_flop_per_token(QWEN_8B, "full", 0.5)
    assert teacher_flop_per_token(QWEN_8B, 0.5) == pytest.approx(full / 3)
    one = np.ones(1)
    hardware = TrainingRates(1e14 * one, 0.4 * one, one, 0.0 * one, 0.0 * one)
    alone, taught = (
        training_tokens_per_second(QWEN_8B, "full", 1, 8192, hardware, teacher=teacher)[0]
        for teacher in (None, QWEN_8B)
    )
    assert alone / taught == pytest.approx(4 / 3, rel=0.01)


def test_muon_multiplies_matrices_in_every_update_and_adamw_none() -> None:
    assert optimizer_flop(SMOLLM2, "adamw") == 0
    square, narrow = 5 * 6 * 576**3, 5 * (4 * 192**2 * 576 + 2 * 192**3)
    wide = 5 * (4 * 576**2 * 1_536 + 2 * 576**3)
    assert optimizer_flop(SMOLLM2, "muon") == 30 * (2 * square + 2 * narrow + 3 * wide)


def test_attention_adds_six_layers_width_length() -> None:
    assert attention_flop_per_token(QWEN_8B, 2048) == 6 * 36 * 4096 * 2048


def test_managed_spot_takes_longer_and_bills_less() -> None:
    seconds, hourly = np.array([3600.0]), np.array([2.0])
    assert spot_seconds(seconds, np.array([0.2]))[0] > 3600
    assert spot_seconds(seconds, np.array([0.3]))[0] > spot_seconds(seconds, np.array([0.05]))[0]
    assert billed_usd(seconds, hourly, np.array([False]))[0] == 2.0
    assert billed_usd(seconds, hourly, np.array([True]))[0] == pytest.approx(2.0 * 0.365)
