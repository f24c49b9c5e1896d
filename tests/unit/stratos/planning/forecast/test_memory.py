"""What must fit on a device."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos.planning.forecast.memory import adapter_parameters, fits, training_gib
from stratos.spec import Method
from tests.unit.stratos.planning.forecast.qwen import QWEN_8B
from tests.unit.stratos.planning.forecast.several_devices import sizes
from tests.unit.stratos.planning.planning_inputs import shape


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


@given(billions=sizes, tokens=st.floats(1, 1e5), method=st.sampled_from(["full", "lora"]))
def test_each_device_holds_less_the_more_there_are(
    billions: float, tokens: float, method: Method
) -> None:
    held = [
        training_gib(shape(billions), method, 2.0, tokens, 16, num_devices=count)
        for count in (1, 2, 4, 8)
    ]
    assert held == sorted(held, reverse=True)
    assert held[0] > held[-1]
