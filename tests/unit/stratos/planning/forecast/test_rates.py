"""Rates of endpoints on several devices."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from stratos.catalog.servers import InstanceType, ServerCatalog
from stratos.planning.forecast.devices import LINK_SHARE, serving_layout
from stratos.planning.forecast.engine import ALL_REDUCE_SECONDS, EFFICIENCIES
from stratos.planning.forecast.rates import Serving, replica_rates
from stratos.planning.forecast.serving_cost import (
    RequestShape,
    capacity,
    decode_step_seconds,
    prefill_seconds,
)
from tests.unit.stratos.planning.forecast.several_devices import CATALOG_8B, links, sizes
from tests.unit.stratos.planning.planning_inputs import several, shape, types_of

SHAPE = RequestShape(prompt_tokens=200, output_tokens=100)
ON_GPUS = Serving("bfloat16", "float16", 512)


def sustained(instance: InstanceType, billions: float) -> float:
    rates, possible = replica_rates(types_of(instance), shape(billions), ON_GPUS, 300.0)
    per_replica = capacity(shape(billions), SHAPE, rates)
    return float((per_replica * rates.replicas * possible)[0])


@given(billions=sizes, link=links)
def test_more_devices_never_lower_what_an_endpoint_sustains(
    billions: float, link: float | None
) -> None:
    found = [sustained(several(count, link), billions) for count in (1, 2, 4, 8)]
    assert found == sorted(found)
    assert found[-1] > found[0]


def test_a_model_that_one_device_holds_is_served_by_a_replica_on_each() -> None:
    assert serving_layout(shape(0.5), 2.0, several(4)) == (1, 4)
    assert sustained(several(4), 0.5) == pytest.approx(4 * sustained(several(1), 0.5))


@pytest.mark.parametrize(("kv_heads", "devices"), [(8, 8), (2, 8)])
def test_a_replica_holds_as_many_sequences_as_its_devices_have_room_for(
    kv_heads: int, devices: int
) -> None:
    # 32 heads of 128: 60 billion weights take 112 of 8 · 20 GiB, less a tenth.
    student = shape(60.0, num_heads=32, num_kv_heads=kv_heads, head_dim=128)
    row = several(8, memory=20.0)
    rates, _ = replica_rates(types_of(row), student, ON_GPUS, 40_000.0)
    room = 8 * 20 * 0.9 * 2**30 - 120e9
    # Fewer key-value heads than devices are copied until each device has one.
    per_sequence = 40_000 * 2 * 24 * max(kv_heads, devices) * 128 * 2
    assert rates.devices[0] == devices
    assert rates.slots[0] == room // per_sequence


def test_splitting_a_replica_adds_two_sums_over_devices_to_each_layer() -> None:
    one, two = several(1, memory=80.0), several(2, 32.0, memory=22.0)
    student = shape(8.0)
    whole, _ = replica_rates(types_of(one), student, ON_GPUS, 300.0)
    split, _ = replica_rates(types_of(two), student, ON_GPUS, 300.0)
    assert (split.devices[0], split.bytes_per_second[0]) == (2, 2 * whole.bytes_per_second[0])
    # A token's hidden states go out and come back half each, twice a layer.
    token = 2 * 24 * 1024 * 2 / (LINK_SHARE * 32e9)
    waiting = 2 * 24 * ALL_REDUCE_SECONDS
    reading = prefill_seconds(student, 200, split) - prefill_seconds(student, 200, whole) / 2
    assert reading[0] == pytest.approx(whole.forward_seconds[0] / 2 + waiting + 200 * token)
    batch = np.ones(1)
    halves = [decode_step_seconds(student, batch, 250, rates)[0] for rates in (whole, split)]
    dispatch = whole.forward_seconds[0] + EFFICIENCIES["cuda"].sequence_seconds
    assert halves[1] - halves[0] / 2 == pytest.approx(dispatch / 2 + waiting + token)


def test_8b_split_over_two_cards_writes_a_token_in_50_ms() -> None:
    types = types_of(ServerCatalog.aws()["ml.g6.12xlarge"])
    rates, possible = replica_rates(types, CATALOG_8B, ON_GPUS, 300.0)
    assert (possible[0], rates.devices[0], rates.replicas[0]) == (True, 2, 2)
    step = decode_step_seconds(CATALOG_8B, np.ones(1), 100.0, rates)
    assert step[0] == pytest.approx(49.8e-3, abs=5e-5)
