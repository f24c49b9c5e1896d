"""How an endpoint's devices are used by a plan, and that no more and no fewer are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.jobs.factory import training_processes
from stratos.catalog.models import hub_models
from stratos.catalog.servers import InstanceType, ServerCatalog
from stratos.contracts.plan import Plan
from stratos.hosting.container import serving_container
from stratos.planning.choose import plan_before_probing
from stratos.planning.forecast.devices import LINK_SHARE, serving_layout
from stratos.planning.forecast.engine import ALL_REDUCE_SECONDS, EFFICIENCIES
from stratos.planning.forecast.rates import replica_rates
from stratos.planning.forecast.serving_cost import (
    RequestShape,
    capacity,
    decode_step_seconds,
    prefill_seconds,
)
from stratos.planning.forecast.transformer import transformer
from tests.unit.stratos.planning.planning_inputs import (
    catalog,
    model,
    request,
    several,
    shape,
    spec,
    types_of,
)
from training.job.launcher import Layout

SHAPE = RequestShape(prompt_tokens=200, output_tokens=100)
QWEN_8B = transformer(hub_models()["Qwen/Qwen3-8B"].card())
links = st.sampled_from([None, 16.0, 32.0, 600.0, 900.0])
sizes = st.floats(0.1, 30.0)


def sustained(instance: InstanceType, billions: float) -> float:
    rates, possible = replica_rates(types_of(instance), shape(billions), "bfloat16", 300.0)
    per_replica = capacity(shape(billions), SHAPE, 2.0, rates)
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


@pytest.mark.parametrize(("kv_heads", "devices"), [(8, 8), (2, 8)])
def test_a_replica_holds_as_many_sequences_as_its_devices_have_room_for(
    kv_heads: int, devices: int
) -> None:
    # 32 heads of 128: 60 billion weights take 112 of 8 · 20 GiB, less a tenth.
    student = shape(60.0, num_heads=32, num_kv_heads=kv_heads, head_dim=128)
    row = several(8, memory=20.0)
    rates, _ = replica_rates(types_of(row), student, "bfloat16", 40_000.0)
    room = 8 * 20 * 0.9 * 2**30 - 120e9
    # Fewer key-value heads than devices are copied until each device has one.
    per_sequence = 40_000 * 2 * 24 * max(kv_heads, devices) * 128 * 2
    assert rates.devices[0] == devices
    assert rates.slots[0] == room // per_sequence


def test_splitting_a_replica_adds_two_sums_over_devices_to_each_layer() -> None:
    one, two = several(1, memory=80.0), several(2, 32.0, memory=22.0)
    student = shape(8.0)
    whole, _ = replica_rates(types_of(one), student, "bfloat16", 300.0)
    split, _ = replica_rates(types_of(two), student, "bfloat16", 300.0)
    assert (split.devices[0], split.bytes_per_second[0]) == (2, 2 * whole.bytes_per_second[0])
    # A token's hidden states go out and come back half each, twice a layer.
    token = 2 * 24 * 1024 * 2 / (LINK_SHARE * 32e9)
    waiting = 2 * 24 * ALL_REDUCE_SECONDS
    reading = prefill_seconds(student, 200, split) - prefill_seconds(student, 200, whole) / 2
    assert reading[0] == pytest.approx(whole.forward_seconds[0] / 2 + waiting + 200 * token)
    batch = np.ones(1)
    halves = [decode_step_seconds(student, batch, 250, 2.0, rates)[0] for rates in (whole, split)]
    dispatch = whole.forward_seconds[0] + EFFICIENCIES["cuda"].sequence_seconds
    assert halves[1] - halves[0] / 2 == pytest.approx(dispatch / 2 + waiting + token)


def test_8b_split_over_two_cards_writes_a_token_in_50_ms() -> None:
    types = types_of(ServerCatalog.aws()["ml.g6.12xlarge"])
    rates, possible = replica_rates(types, QWEN_8B, "bfloat16", 300.0)
    assert (possible[0], rates.devices[0], rates.replicas[0]) == (True, 2, 2)
    step = decode_step_seconds(QWEN_8B, np.ones(1), 100.0, 2.0, rates)
    assert step[0] == pytest.approx(49.8e-3, abs=5e-5)


# --- from the plan to the processes ---------------------------------------------------------------


def plans_on_several() -> list[Plan]:
    rows = (
        several(8, 900.0, name="ml.p5.48xlarge", memory=80.0, usd={"us-east-1": 60.0}),
        several(4, 32.0, name="ml.g6.12xlarge", usd={"us-east-1": 6.0}),
        several(1, name="ml.g6.xlarge"),
    )
    students = (model("small", 0.5), model("large", 9.0, num_layers=48, hidden_size=2048))
    found = plan_before_probing(request(*rows, students=students))
    return [found.chosen, *found.front]


def test_a_plan_is_trained_and_served_on_the_devices_it_counted() -> None:
    there = {"ml.p5.48xlarge": 8, "ml.g6.12xlarge": 4, "ml.g6.xlarge": 1}
    layouts = set()
    for plan in plans_on_several():
        training, serving = plan.training, plan.serving
        gpus = str(there[training.instance_type])
        layout = Layout.from_environment({"SM_NUM_GPUS": gpus} | training_processes(training))
        assert layout.num_processes == training.devices <= int(gpus)
        told = serving_container(
            serving,
            "s",
            "s3://b/m.tar.gz",
            precision=plan.precision,
            artifact_bytes=1000,
            servers=ServerCatalog.aws(),
        )
        environment = told.definition["Environment"]
        split = int(environment.get("SM_VLLM_TENSOR_PARALLEL_SIZE", "1"))
        replicas = int(environment.get("SM_VLLM_DATA_PARALLEL_SIZE", "1"))
        assert (split, replicas) == (serving.devices, serving.replicas)
        assert split * replicas == there[serving.instance_type]
        layouts.add((training.devices, split, replicas))
    assert {devices for devices, _, _ in layouts} >= {1, 8}
    assert {split for _, split, _ in layouts} >= {1, 2}


def test_a_servers_layout_is_told_only_where_there_is_one() -> None:
    server = plan_before_probing(request(several(1))).chosen.serving
    told = [
        server.model_copy(update={"devices": devices, "replicas": replicas}).layout
        for devices, replicas in ((1, 1), (4, 1), (1, 4), (2, 2))
    ]
    assert told == ["", " (over 4 devices)", " (4 replicas)", " (2 replicas over 2 devices)"]


def test_an_old_plan_is_read_as_one_device() -> None:
    plan = plan_before_probing(request(several(1))).chosen
    old = plan.model_dump()
    for side in ("training", "serving"):
        del old[side]["devices"]
        del old[side]["replicas"]
    assert Plan.model_validate(old) == plan


def test_a_full_catalog_is_planned_with_students_too_large_for_one_device() -> None:
    large = model("large", 30.0, num_layers=48, hidden_size=5120, num_kv_heads=8, head_dim=128)
    rows = ServerCatalog.aws().instance_types
    plan = plan_before_probing(
        request(*rows, students=(large,), asked=spec(training={"method": "full"}))
    ).chosen
    assert plan.training.devices == 8
    assert catalog(*rows)[plan.serving.instance_type].num_devices >= plan.serving.devices
