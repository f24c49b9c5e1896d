"""What llama.cpp takes of memory, beside what it was measured to take."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos.planning.forecast.llama_cpp import (
    memory_gib,
    padded_context,
    repacked_bytes,
    weight_bytes,
)
from stratos.planning.forecast.transformer import Transformer
from stratos.spec import CPU_PRECISIONS, CpuPrecision
from tests.unit.stratos.planning.planning_inputs import shape

SMOLLM2 = Transformer("smollm2", 134_515_008, 134_515_008, 30, 576, 3, 64, 49_152, 9, 1_536)
WIDE = Transformer("wide", 473_958_400, 473_958_400, 28, 1_024, 8, 128, 32_768, 16, 3_072)
"""Every row of it is a multiple of 256."""
EXAMPLE = Transformer("example", 529_248, 529_248, 4, 96, 3, 32, 512, 3, 288)


@pytest.mark.parametrize(
    ("model", "precision", "megabytes"),
    [
        (SMOLLM2, "float32", 539.8),
        (SMOLLM2, "float16", 270.9),
        (SMOLLM2, "q8_0", 144.8),
        # As published with the model: its rows of 576 take no k-blocks.
        (SMOLLM2, "q4_k_m", 105.5),
        (WIDE, "q8_0", 504.5),
        (WIDE, "q4_k_m", 291.3),
    ],
)
def test_a_file_is_as_large_as_llama_cpp_makes_it(
    model: Transformer, precision: CpuPrecision, megabytes: float
) -> None:
    assert weight_bytes(model, precision) / 1e6 == pytest.approx(megabytes, rel=0.02)


@pytest.mark.parametrize(
    ("model", "precision", "context", "slots", "mib"),
    [
        (EXAMPLE, "float32", 512, 1, 39.6),
        (EXAMPLE, "float32", 2_048, 16, 89.0),
        (SMOLLM2, "q8_0", 512, 1, 216.1),
        (SMOLLM2, "q8_0", 512, 16, 399.2),
        (SMOLLM2, "q8_0", 2_048, 1, 252.3),
        (SMOLLM2, "q8_0", 2_048, 16, 939.8),
        (SMOLLM2, "float16", 2_048, 4, 498.7),
        (WIDE, "float16", 512, 8, 1_418.9),
        (WIDE, "q8_0", 2_048, 4, 1_430.1),
        # Its blocks of four bits are held twice: as read, and as the processor wants them.
        (WIDE, "q4_k_m", 512, 1, 604.7),
    ],
)
def test_memory_is_forecast_within_15_percent_of_what_a_process_held(
    model: Transformer, precision: CpuPrecision, context: int, slots: int, mib: float
) -> None:
    assert memory_gib(model, precision, context, slots) * 1024 == pytest.approx(mib, rel=0.15)


@given(billions=st.floats(0.1, 70), slots=st.integers(1, 31), context=st.integers(1, 8_000))
def test_more_bits_slots_or_context_never_take_less(
    billions: float, slots: int, context: int
) -> None:
    model = shape(billions)
    sizes = [weight_bytes(model, precision) for precision in CPU_PRECISIONS]
    assert sizes == sorted(sizes, reverse=True)
    least = memory_gib(model, "q8_0", context, slots)
    assert least <= memory_gib(model, "q8_0", context + 1, slots)
    assert least < memory_gib(model, "q8_0", context, slots + 1)


def test_only_blocks_of_four_bits_are_laid_out_anew() -> None:
    assert repacked_bytes(WIDE, "q8_0") == repacked_bytes(EXAMPLE, "q4_k_m") == 0
    assert repacked_bytes(WIDE, "q4_k_m") / 2**20 == pytest.approx(204, rel=0.02)


def test_a_slot_gets_its_context_in_steps_of_256() -> None:
    assert [padded_context(tokens) for tokens in (1, 256, 257)] == [256, 256, 512]
