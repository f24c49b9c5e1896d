"""What must fit on a device."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos.planning.forecast.memory import (
    RUNTIME_GIB,
    TrainingMemory,
    adapter_parameters,
    asked_once,
    fits,
    reading_gib,
)
from stratos.planning.forecast.transformer import Transformer
from stratos.spec import Method, Training
from stratos.units import GIB
from tests.unit.stratos.planning.forecast.known_models import QWEN_8B, SMOLLM2
from tests.unit.stratos.planning.forecast.several_devices import CATALOG_8B, sizes
from tests.unit.stratos.planning.planning_inputs import shape

ON_A_CPU = TrainingMemory(SMOLLM2, "full", 4.0, 1_024, 16, "cpu", checkpointed=False)


def on_gpus(
    method: Method, tokens: float = 2048, num_devices: int = 1, *, checkpointed: bool = True
) -> TrainingMemory:
    return TrainingMemory(
        QWEN_8B, method, 2.0, tokens, 16, checkpointed=checkpointed, num_devices=num_devices
    )


def test_full_fine_tuning_of_8b_does_not_fit_80_gib_and_lora_does() -> None:
    assert on_gpus("full").gib > 8.19e9 * 16 / 2**30
    assert not fits(on_gpus("full").gib, 80.0)
    assert fits(on_gpus("lora").gib, 22.35)


def test_a_real_student_holds_what_was_measured() -> None:
    # Peaks of whole jobs with records of 250 tokens on one thread, in MiB
    # (benchmarks/planner_real.py), by tokens of a micro-batch.
    measured = {
        ("full", "none", 512): 4_504,
        ("full", "online", 512): 5_379,
        ("full", "cached", 512): 4_920,
        ("lora", "none", 512): 2_501,
        ("lora", "online", 512): 3_582,
        ("lora", "cached", 512): 2_534,
        ("full", "none", 1_024): 4_962,
        ("full", "online", 1_024): 6_010,
    }
    for (method, teacher, tokens), mib in measured.items():
        held = replace(
            ON_A_CPU,
            method=method,  # type: ignore[arg-type]
            micro_batch_tokens=tokens,
            teacher=None if teacher == "none" else SMOLLM2,
            asked_once=teacher == "cached",
        )
        assert held.gib * 1024 == pytest.approx(mib, rel=0.2)


def test_activations_are_those_that_autograd_keeps_of_transformers_llama() -> None:
    # Bytes of one token in one layer of SmolLM2, summed over what autograd saved.
    for method, size, saved in (
        ("full", 4.0, 44_588),
        ("lora", 4.0, 40_428),
        ("full", 2.0, 37_292 - 2 * 3_539_088 / 1_024),  # without 16-bit copies of the weights
        ("lora", 2.0, 27_466),
    ):
        held = TrainingMemory(SMOLLM2, method, size, 1, 16, checkpointed=False)  # type: ignore[arg-type]
        assert held.activations / 30 == pytest.approx(saved, rel=0.02)


@pytest.mark.parametrize(("method", "each"), [("full", 522), ("lora", 362)])
def test_activations_of_a_mixture_are_those_of_all_experts_of_a_token(
    method: Method, each: int
) -> None:
    # Numbers of one token in one layer of a Qwen3-MoE, summed over what autograd saved; of frozen
    # experts less.
    mixture = Transformer("mixture", 1e6, 1e6, 3, 64, 2, 16, 50, 4, 96, experts_per_token=2)
    two, four = (
        TrainingMemory(
            replace(mixture, experts_per_token=experts), method, 4.0, 1, 16, checkpointed=False
        ).activations
        for experts in (2, 4)
    )
    assert (four - two) / 4.0 / 3 / 2 == pytest.approx(each, rel=0.03)


def test_kept_activations_cost_memory_that_checkpointing_saves() -> None:
    kept = on_gpus("full", checkpointed=False).activations
    assert on_gpus("full").activations < 0.12 * kept


def test_more_devices_share_the_state_and_nothing_else() -> None:
    saved = on_gpus("full").gib - on_gpus("full", num_devices=8).gib
    # Of 16-bit copies one device keeps all, several those of the layer at work.
    copies = 2 * 8.19e9 * 35 / 36
    assert saved == pytest.approx((8.19e9 * 16 * 7 / 8 + copies) / 2**30)


def test_several_processes_that_write_hold_a_copy_each_beside_the_state() -> None:
    learns, alone = on_gpus("full", num_devices=8), on_gpus("full")
    assert replace(alone, writes=True).gib == alone.gib
    writes = replace(learns, writes=True, micro_batch_tokens=0.0).gib
    assert writes - replace(learns, micro_batch_tokens=0.0).gib == pytest.approx(2 * 8.19e9 / GIB)
    many = replace(learns, micro_batch_tokens=1e6)
    assert replace(many, writes=True).gib == many.gib


@pytest.mark.parametrize("method", ["full", "lora"])
def test_an_online_teacher_is_held_whole_beside_the_student(method: Method) -> None:
    alone = replace(ON_A_CPU, method=method)
    online = replace(alone, teacher=shape(1.0))
    assert online.gib - alone.gib > 4e9 / GIB
    on_a_gpu = replace(online, runtime="cuda").gib - replace(alone, runtime="cuda").gib
    assert 2e9 / GIB < on_a_gpu < 4e9 / GIB + 2


def test_a_process_holds_its_libraries_before_any_model() -> None:
    nothing = Transformer("nothing", 1, 1, 1, 1, 1, 1, 1)
    assert TrainingMemory(nothing, "full", 4.0, 1, 1, "cpu").gib >= RUNTIME_GIB["cpu"]


def test_muon_keeps_one_moment_of_each_matrix() -> None:
    saved = ON_A_CPU.state - replace(ON_A_CPU, optimizer="muon").state
    assert saved == 4 * (134_515_008 - 49_152 * 576)


def test_a_teacher_is_read_beside_the_student_however_it_is_asked() -> None:
    alone = reading_gib(SMOLLM2, "full", 4.0, 1)
    assert alone == pytest.approx(1_237 / 1024, rel=0.05)
    assert reading_gib(SMOLLM2, "full", 4.0, 1, SMOLLM2) == pytest.approx(1_773 / 1024, rel=0.05)


def test_a_teacher_is_asked_once_where_its_draws_say_all_that_is_wanted() -> None:
    plain = Training(kd_weight=0.5)
    assert asked_once(plain, 49_152)
    assert not asked_once(plain, 500)
    assert not asked_once(Training(), 49_152)
    assert not asked_once(Training(kd_weight=0.5, jsd_beta=0.5), 49_152)
    assert not asked_once(Training(kd_weight=0.5, on_policy_fraction=0.5), 49_152)


def test_lora_adapters_have_the_width_of_the_matrices_they_adapt() -> None:
    # peft on Qwen3-8B, every linear layer, rank 16: 43.6 million.
    assert adapter_parameters(CATALOG_8B, 16) == pytest.approx(43.6e6, rel=0.01)
    # The card of this one does not say its inner width.
    assert adapter_parameters(QWEN_8B, 16) == pytest.approx(43.6e6, rel=0.15)
    mixture = replace(SMOLLM2, experts_per_token=2)
    assert adapter_parameters(mixture, 16) == 16 * 30 * (2 * (576 + 576) + 2 * (576 + 192))
    # peft on SmolLM2.
    assert adapter_parameters(SMOLLM2, 16) == 4_884_480


@given(tokens=st.floats(1, 1e6))
def test_memory_grows_with_the_tokens_held(tokens: float) -> None:
    assert on_gpus("full", tokens).gib > on_gpus("full", 0).gib


@given(billions=sizes, tokens=st.floats(1, 1e5), method=st.sampled_from(["full", "lora"]))
def test_each_device_holds_less_the_more_there_are(
    billions: float, tokens: float, method: Method
) -> None:
    held = [
        TrainingMemory(shape(billions), method, 2.0, tokens, 16, num_devices=count).gib
        for count in (1, 2, 4, 8)
    ]
    assert held == sorted(held, reverse=True)
    assert held[0] > held[-1]
