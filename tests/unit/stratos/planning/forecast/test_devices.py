"""How many devices work together."""

from __future__ import annotations

import pytest

from stratos.catalog.models import hub_models
from stratos.catalog.servers import Runtime, ServerCatalog
from stratos.planning.forecast.devices import (
    micro_tokens,
    serving_layout,
    step_tokens,
    training_counts,
)
from stratos.planning.forecast.transformer import transformer
from tests.unit.stratos.planning.planning_inputs import cpu, several, shape


def test_a_model_is_split_over_as_few_devices_as_hold_its_weights() -> None:
    # 8 billion weights in 16 bits are 14.9 GiB; 60% of 22 are 13.2.
    assert serving_layout(shape(8.0), 2.0, several(4)) == (2, 2)
    assert serving_layout(shape(8.0), 4.0, several(4)) == (4, 1)
    assert serving_layout(shape(8.0), 2.0, several(1)) == (1, 1)


@pytest.mark.parametrize(
    ("heads", "kv_heads", "inner", "split"),
    [
        (32, 8, 12_288, 8),
        (28, 4, 18_944, 4),  # Qwen2.5-7B
        (40, 10, 17_920, 2),  # phi-4: ten key-value heads are not spread over four devices
        (32, 2, 12_288, 8),  # each key-value head is copied to four
        (9, 3, 1_536, 1),
        (32, 8, 12_290, 2),
    ],
)
def test_a_split_divides_what_vllm_divides(
    heads: int, kv_heads: int, inner: int, split: int
) -> None:
    wide = shape(
        60.0, num_heads=heads, num_kv_heads=kv_heads, intermediate_size=inner, head_dim=128
    )
    assert serving_layout(wide, 2.0, several(8)) == (split, 8 // split)


def test_no_model_of_the_catalog_is_split_as_vllm_would_refuse() -> None:
    for card in (row.card() for row in hub_models().values()):
        student = transformer(card)
        for row in ServerCatalog.aws().instance_types:
            for size in (1.0, 2.0, 4.0):
                split, replicas = serving_layout(student, size, row)
                assert split * replicas <= row.num_devices
                assert student.splits_over(split)


def test_a_cpu_trains_in_one_process() -> None:
    assert training_counts(cpu()) == (1,)
    assert training_counts(several(6)) == (1, 2, 4, 6)


def test_the_busiest_process_has_at_least_a_record() -> None:
    assert step_tokens(8_192, 270, 1) == 8_192
    assert step_tokens(8_192, 270, 8) == 1_024 + 135
    assert step_tokens(8_192, 4_096, 8) == 4_096


def test_a_large_student_on_a_cpu_takes_fewer_tokens_together() -> None:
    def most(runtime: Runtime, parameters: float) -> int:
        return micro_tokens(runtime, parameters, 8_192, 256, 1)

    assert most("cpu", 135e6) < most("cpu", 1e6)
    assert most("cuda", 135e6) == most("cuda", 1e6)
