"""Properties of the cost formulas, and examples worked by hand (docs/planner.md)."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos.planning.forecast.engine import EFFICIENCIES
from stratos.planning.forecast.memory import adapter_parameters, fits, training_gib
from stratos.planning.forecast.network import great_circle_km, round_trip_ms
from stratos.planning.forecast.serving_cost import (
    ReplicaRates,
    RequestShape,
    capacity,
    decode_step_seconds,
    latency_seconds,
    prefill_seconds,
)
from stratos.planning.forecast.training_cost import (
    TrainingRates,
    attention_flop_per_token,
    billed_usd,
    linear_flop_per_token,
    spot_seconds,
    training_tokens_per_second,
)
from stratos.planning.forecast.transformer import Transformer, transformer
from tests.unit.stratos.planning.planning_inputs import model, paid

QWEN_8B = Transformer("Qwen3-8B", 8.19e9, 8.19e9, 36, 4096, 8, 128, 151_936)
SHAPE = RequestShape(prompt_tokens=200, output_tokens=100)
positive = st.floats(0.1, 10.0)


def rates(
    flop: float = 1e14,
    bandwidth: float = 3e11,
    forward: float = 1e-3,
    slots: float = 32,
    overlap: float = 1.0,
) -> ReplicaRates:
    def one(value: float) -> np.ndarray:
        return np.array([value])

    return ReplicaRates(
        prefill_flop_per_second=one(flop),
        decode_flop_per_second=one(flop),
        elementwise_seconds=one(0.0),
        bytes_per_second=one(bandwidth),
        overlap=one(overlap),
        forward_seconds=one(forward),
        sequence_seconds=one(1e-5),
        request_seconds=one(5e-3),
        slots=one(slots),
    )


def latency(load: float, r: ReplicaRates, percentile: float = 0.95) -> float:
    seconds = latency_seconds(
        QWEN_8B, SHAPE, np.array([load]), 2.0, r, np.array([1e-3]), percentile=percentile
    )
    return float(seconds[0])


def test_decoding_8b_at_bfloat16_is_bound_by_reading_the_weights() -> None:
    # 8.19e9 weights × 2 bytes, and one cache of 100 tokens × 147,456 bytes, at 300 GB/s.
    found = decode_step_seconds(QWEN_8B, np.array([1.0]), 100, 2.0, rates(forward=0.0))
    by_hand = (8.19e9 * 2 + 100 * 147_456) / 3e11
    assert found[0] == pytest.approx(by_hand + 1e-5)


def test_a_large_batch_is_bound_by_arithmetic() -> None:
    found = decode_step_seconds(QWEN_8B, np.array([512.0]), 10, 2.0, rates(forward=0.0))
    assert found[0] == pytest.approx(2 * 8.19e9 * 512 / 1e14 + 512 * 1e-5)


def test_without_overlap_memory_and_arithmetic_add_up() -> None:
    batch = np.array([8.0])
    both = decode_step_seconds(QWEN_8B, batch, 10, 2.0, rates(overlap=0.0, forward=0.0))
    larger = decode_step_seconds(QWEN_8B, batch, 10, 2.0, rates(overlap=1.0, forward=0.0))
    assert larger[0] < both[0] < 2 * larger[0]


def test_prefill_of_a_thousand_tokens_takes_two_flop_per_weight_and_token() -> None:
    found = prefill_seconds(QWEN_8B, 1000, rates(forward=0.0))
    assert found[0] == pytest.approx(2 * 8.19e9 * 1000 / 1e14)


@given(factor=st.floats(1.0, 50.0), batch=st.floats(1, 64))
def test_more_bandwidth_never_slows_decoding(factor: float, batch: float) -> None:
    slow = decode_step_seconds(QWEN_8B, np.array([batch]), 500, 2.0, rates())
    fast = decode_step_seconds(QWEN_8B, np.array([batch]), 500, 2.0, rates(bandwidth=3e11 * factor))
    assert fast[0] <= slow[0]


@given(slots=st.integers(1, 63), overlap=st.floats(0, 1))
def test_a_bigger_batch_never_lowers_throughput(slots: int, overlap: float) -> None:
    fewer = capacity(QWEN_8B, SHAPE, 2.0, rates(slots=slots, overlap=overlap))
    more = capacity(QWEN_8B, SHAPE, 2.0, rates(slots=slots + 1, overlap=overlap))
    assert more[0] >= fewer[0] * (1 - 1e-12)


@given(share=st.floats(0.01, 0.9))
def test_latency_grows_with_load_and_with_the_percentile(share: float) -> None:
    r = rates()
    most = float(capacity(QWEN_8B, SHAPE, 2.0, r)[0])
    assert latency(share * most, r) <= latency(min(0.95, share * 1.2) * most, r) * (1 + 1e-3)
    assert latency(share * most, r, 0.5) <= latency(share * most, r, 0.95)


def test_latency_is_infinite_when_requests_come_faster_than_they_can_be_served() -> None:
    r = rates()
    most = float(capacity(QWEN_8B, SHAPE, 2.0, r)[0])
    assert math.isinf(latency(1.01 * most, r))


def test_an_idle_replica_answers_in_one_prefill_and_its_steps() -> None:
    r = rates()
    step = decode_step_seconds(QWEN_8B, np.array([1.0]), SHAPE.context_tokens, 2.0, r)[0]
    alone = prefill_seconds(QWEN_8B, 200, r)[0] + 100 * step + 5e-3 + 1e-3
    assert latency(1e-6, r, 0.5) == pytest.approx(alone, rel=1e-3)


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
    assert full == 6 * 8.19e9


def test_attention_adds_six_layers_width_length() -> None:
    assert attention_flop_per_token(QWEN_8B, 2048) == 6 * 36 * 4096 * 2048


def test_full_fine_tuning_of_8b_does_not_fit_80_gib_and_lora_does() -> None:
    full = training_gib(QWEN_8B, "full", 2.0, 2048, 16)
    lora = training_gib(QWEN_8B, "lora", 2.0, 2048, 16)
    assert full > 8.19e9 * 16 / 2**30
    assert not fits(full, 80.0)
    assert fits(lora, 22.35)


def test_kept_activations_cost_memory_that_checkpointing_and_more_devices_save() -> None:
    checkpointed = training_gib(QWEN_8B, "full", 2.0, 2048, 16)
    kept = training_gib(QWEN_8B, "full", 2.0, 2048, 16, checkpointed=False)
    # 2048 tokens · 4096 wide · 2 bytes · (17 · 36 − (36 + 17)) values
    assert kept - checkpointed == pytest.approx(2048 * 4096 * 2 * 559 / 2**30)
    spread = training_gib(QWEN_8B, "full", 2.0, 2048, 16, num_devices=8)
    assert checkpointed - spread == pytest.approx(8.19e9 * 16 * 7 / 8 / 2**30)


def test_lora_adapters_of_rank_16_are_about_half_a_percent_of_8b() -> None:
    # peft on Qwen3-8B, every linear layer, rank 16: 43.6 million.
    assert adapter_parameters(QWEN_8B, 16) == pytest.approx(43.6e6, rel=0.15)


@given(tokens=st.floats(1, 1e6))
def test_memory_grows_with_the_tokens_held(tokens: float) -> None:
    assert training_gib(QWEN_8B, "full", 2, tokens, 16) > training_gib(QWEN_8B, "full", 2, 0, 16)


def test_managed_spot_takes_longer_and_bills_less() -> None:
    seconds, hourly = np.array([3600.0]), np.array([2.0])
    assert spot_seconds(seconds, np.array([0.2]))[0] > 3600
    assert spot_seconds(seconds, np.array([0.3]))[0] > spot_seconds(seconds, np.array([0.05]))[0]
    assert billed_usd(seconds, hourly, np.array([False]))[0] == 2.0
    assert billed_usd(seconds, hourly, np.array([True]))[0] == pytest.approx(2.0 * 0.365)


def test_the_round_trip_from_dublin_to_virginia_is_about_seventy_milliseconds() -> None:
    # About 5,500 km; measured round trips are 67-75 ms.
    assert great_circle_km((53.35, -6.3), (38.95, -77.45)) == pytest.approx(5_450, rel=0.03)
    assert 60 < round_trip_ms("eu-west-1", "us-east-1") < 95
    assert round_trip_ms("eu-west-1", "us-east-1") == round_trip_ms("us-east-1", "eu-west-1")
    assert round_trip_ms("eu-west-1", "eu-west-1") == 1.0


def test_a_card_with_a_missing_size_is_named_with_what_it_lacks() -> None:
    with pytest.raises(ValueError, match="card of half lacks head_dim"):
        transformer(model("half", head_dim=None))
    with pytest.raises(ValueError, match="num_parameters, num_layers"):
        transformer(paid())
