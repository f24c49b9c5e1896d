"""Latency and throughput of a replica."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos.planning.forecast.serving_cost import (
    ReplicaRates,
    RequestShape,
    capacity,
    decode_step_seconds,
    enough_slots,
    latency_seconds,
    prefill_seconds,
    residence_seconds,
)
from tests.unit.stratos.planning.forecast.known_models import QWEN_8B

SHAPE = RequestShape(prompt_tokens=200, output_tokens=100)


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
        weight_bytes=2.0,
        cache_bytes=2.0,
    )


def latency(load: float, r: ReplicaRates, percentile: float = 0.95) -> float:
    seconds = latency_seconds(
        QWEN_8B, SHAPE, np.array([load]), r, np.array([1e-3]), percentile=percentile
    )
    return float(seconds[0])


def test_decoding_8b_at_bfloat16_is_bound_by_reading_the_weights() -> None:
    # 8.19e9 weights × 2 bytes, and one cache of 100 tokens × 147,456 bytes, at 300 GB/s.
    found = decode_step_seconds(QWEN_8B, np.array([1.0]), 100, rates(forward=0.0))
    by_hand = (8.19e9 * 2 + 100 * 147_456) / 3e11
    assert found[0] == pytest.approx(by_hand + 1e-5)


def test_a_large_batch_is_bound_by_arithmetic() -> None:
    found = decode_step_seconds(QWEN_8B, np.array([512.0]), 10, rates(forward=0.0))
    assert found[0] == pytest.approx(2 * 8.19e9 * 512 / 1e14 + 512 * 1e-5)


def test_without_overlap_memory_and_arithmetic_add_up() -> None:
    batch = np.array([8.0])
    both = decode_step_seconds(QWEN_8B, batch, 10, rates(overlap=0.0, forward=0.0))
    larger = decode_step_seconds(QWEN_8B, batch, 10, rates(overlap=1.0, forward=0.0))
    assert larger[0] < both[0] < 2 * larger[0]


def test_prefill_of_a_thousand_tokens_takes_two_flop_per_weight_and_token() -> None:
    found = prefill_seconds(QWEN_8B, 1000, rates(forward=0.0))
    table = 151_936 * 4_096
    # The embedding is looked up, and the last token alone is projected to the vocabulary.
    assert found[0] == pytest.approx((2 * (8.19e9 - 2 * table) * 1000 + 2 * table) / 1e14)


@given(factor=st.floats(1.0, 50.0), batch=st.floats(1, 64))
def test_more_bandwidth_never_slows_decoding(factor: float, batch: float) -> None:
    slow = decode_step_seconds(QWEN_8B, np.array([batch]), 500, rates())
    fast = decode_step_seconds(QWEN_8B, np.array([batch]), 500, rates(bandwidth=3e11 * factor))
    assert fast[0] <= slow[0]


@given(slots=st.integers(1, 63), overlap=st.floats(0, 1))
def test_a_bigger_batch_never_lowers_throughput(slots: int, overlap: float) -> None:
    fewer = capacity(QWEN_8B, SHAPE, rates(slots=slots, overlap=overlap))
    more = capacity(QWEN_8B, SHAPE, rates(slots=slots + 1, overlap=overlap))
    assert more[0] >= fewer[0] * (1 - 1e-12)


@given(share=st.floats(0.01, 0.9))
def test_latency_grows_with_load_and_with_the_percentile(share: float) -> None:
    r = rates()
    most = float(capacity(QWEN_8B, SHAPE, r)[0])
    assert latency(share * most, r) <= latency(min(0.95, share * 1.2) * most, r) * (1 + 1e-3)
    assert latency(share * most, r, 0.5) <= latency(share * most, r, 0.95)


def test_latency_is_infinite_when_requests_come_faster_than_they_can_be_served() -> None:
    r = rates()
    most = float(capacity(QWEN_8B, SHAPE, r)[0])
    assert math.isinf(latency(1.01 * most, r))


def test_an_idle_replica_answers_in_one_prefill_and_its_steps() -> None:
    r = rates()
    step = decode_step_seconds(QWEN_8B, np.array([1.0]), SHAPE.context_tokens, r)[0]
    alone = prefill_seconds(QWEN_8B, 200, r)[0] + 100 * step + 5e-3 + 1e-3
    assert latency(1e-6, r, 0.5) == pytest.approx(alone, rel=1e-3)


@given(load=st.floats(0.01, 20), most=st.integers(1, 32))
def test_slots_are_as_few_as_take_the_load_at_no_more_latency(load: float, most: int) -> None:
    r = rates(slots=most)
    slots = float(enough_slots(QWEN_8B, SHAPE, np.array([load]), r)[0])
    assert 1 <= slots <= most
    fewer = replace(r, slots=np.array([slots]))
    if slots < most:
        assert load <= 0.7 * capacity(QWEN_8B, SHAPE, fewer)[0]
        residence = residence_seconds(QWEN_8B, SHAPE, np.array([load]), r)[0]
        assert slots >= load * residence
    else:
        assert latency(load, fewer) == latency(load, r)


def test_a_request_in_an_hour_needs_one_slot_or_two() -> None:
    assert enough_slots(QWEN_8B, SHAPE, np.array([1 / 3600]), rates())[0] <= 2
