"""How many devices a plan counts on, and that no more and no fewer are used."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.training_jobs import training_processes
from stratos.catalog.models import hub_models
from stratos.catalog.servers import InstanceType, ServerCatalog
from stratos.errors import NoFeasiblePlan
from stratos.plan import Method, Plan
from stratos.planning.choose import plan_before_probing
from stratos.planning.devices import (
    LINK_SHARE,
    UNKNOWN_LINK_GB_PER_S,
    serving_layout,
    step_tokens,
    training_counts,
)
from stratos.planning.engine import ALL_REDUCE_SECONDS, EFFICIENCIES, HIDDEN_SHARE
from stratos.planning.memory import training_gib
from stratos.planning.offers import Offer, Offers
from stratos.planning.rates import Types, replica_rates
from stratos.planning.serving_cost import Load, capacity, decode_step_seconds, prefill_seconds
from stratos.planning.training_rates import StepRate, StudentTraining, step_rate
from stratos.planning.transformer import Transformer, transformer
from stratos.serving_container import serving_container
from tests.unit.planning.planning_inputs import catalog, cpu, gpu, model, request, spec
from training.launcher import Layout

LOAD = Load(prompt_tokens=200, output_tokens=100)
links = st.sampled_from([None, 16.0, 32.0, 600.0, 900.0])
sizes = st.floats(0.1, 30.0)


def several(count: int, link: float | None = 600.0, **fields: Any) -> InstanceType:
    known = {"interconnect_gb_per_s": link, "memory_gib": 2_000} | fields
    return gpu(num_accelerators=count, **known)


def types_of(*instances: InstanceType) -> Types:
    priced = [(row, row.price("us-east-1", "training")) for row in instances]
    offers = [Offer(row, 1, "us-east-1", "on_demand", price) for row, price in priced if price]
    return Types(Offers(offers), ())


def shape(billions: float = 0.5, **fields: Any) -> Transformer:
    return transformer(model(billions=billions, **fields))


def trained(
    instance: InstanceType,
    billions: float = 0.5,
    method: Method = "full",
    batch_tokens: float = 8192.0,
    *,
    alone: bool = False,
) -> StepRate:
    training = StudentTraining(
        shape(billions), method, "bfloat16", 270.0, batch_tokens, 16, alone=alone
    )
    return step_rate(types_of(instance), training)


def sustained(instance: InstanceType, billions: float) -> float:
    rates, possible = replica_rates(types_of(instance), shape(billions), "bfloat16", 300.0)
    per_replica = capacity(shape(billions), LOAD, 2.0, rates)
    return float((per_replica * rates.replicas * possible)[0])


# --- training -----------------------------------------------------------------------------------


@given(billions=sizes, link=links, method=st.sampled_from(["full", "lora"]))
def test_more_devices_never_lower_the_training_rate_or_rule_a_student_out(
    billions: float, link: float | None, method: Method
) -> None:
    found = [trained(several(count, link), billions, method) for count in (1, 2, 4, 8)]
    rates = [float(one.tokens_per_second[0] * one.possible[0]) for one in found]
    assert rates == sorted(rates)


@given(billions=sizes, link=links)
def test_devices_together_are_slower_than_each_for_itself(
    billions: float, link: float | None
) -> None:
    found = trained(several(8, link, memory=1_000.0), billions)
    one = trained(several(1, link, memory=1_000.0), billions)
    efficiency = found.tokens_per_second[0] / (found.devices[0] * one.tokens_per_second[0])
    assert 0 < efficiency <= 1
    assert efficiency < 1 or found.devices[0] == 1


@given(
    billions=sizes,
    link=links,
    batch_tokens=st.sampled_from([1_024.0, 8_192.0, 100_000.0]),
    method=st.sampled_from(["full", "lora"]),
    memory=st.sampled_from([22.0, 80.0]),
)
def test_the_rate_is_that_of_the_best_number_by_hand(
    billions: float, link: float | None, batch_tokens: float, method: Method, memory: float
) -> None:
    instance, student = several(8, link, memory=memory), shape(billions)
    cuda, rates = EFFICIENCIES["cuda"], {}
    for count in (1, 2, 4, 8):
        part = batch_tokens / count + (135 if count > 1 else 0)
        part = max(part, 270.0)
        held = max(270.0, min(part, 16_384.0))
        passes = -(-part // held)
        flop = (6 if method == "full" else 4) * student.parameters
        flop += 6 * student.layers * student.hidden_size * 270
        reached = 120e12 * cuda.training * student.hidden_size / (student.hidden_size + 256)
        computing = part * flop / reached
        whole = (12 if method == "full" else 4) * student.parameters
        gigabytes = LINK_SHARE * (link or UNKNOWN_LINK_GB_PER_S)
        moving = passes * whole * (count - 1) / count / (gigabytes * 1e9)
        forward = cuda.step_seconds + student.layers * cuda.layer_seconds
        seconds = max(computing, moving) + (1 - HIDDEN_SHARE) * min(computing, moving)
        need = training_gib(student, method, 2.0, held, 16, num_devices=count)
        if need <= 0.9 * memory:
            rates[count] = batch_tokens / (seconds + passes * 3 * forward)
    found = trained(instance, billions, method, batch_tokens)
    assert found.possible[0] == bool(rates)
    if rates:
        assert found.tokens_per_second[0] == pytest.approx(max(rates.values()))
        assert rates[int(found.devices[0])] == pytest.approx(max(rates.values()))


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


def test_a_student_that_needs_two_devices_trains_on_two_and_not_on_one() -> None:
    # 16 bytes · 2 billion are 30 GiB: more than 22, less than twice as much.
    asked = spec(training={"method": "full"})
    students = (model(billions=2.0),)
    with pytest.raises(NoFeasiblePlan, match="no training server holds both"):
        plan_before_probing(request(several(1, memory=22.0), asked=asked, students=students))
    plan = plan_before_probing(
        request(several(2, memory=22.0), asked=asked, students=students)
    ).chosen
    assert plan.training.devices == 2


def test_a_host_holds_the_model_once_for_each_process_that_reads_it() -> None:
    # Two processes, 2 billion float32 weights each: 15 GiB.
    assert trained(several(2, memory=22.0, memory_gib=32), 2.0).possible[0]
    assert not trained(several(2, memory=22.0, memory_gib=16), 2.0).possible[0]


def test_a_slow_link_leaves_devices_idle_rather_than_the_student_waiting() -> None:
    assert trained(several(8, 900.0), 0.5).devices[0] == 8
    assert trained(several(8, 1.0), 0.5).devices[0] == 1


@pytest.mark.parametrize(
    "training",
    [
        {"on_policy_fraction": 0.5, "kd_weight": 0.5},
        {"reinforcement": {"steps": 10}},
    ],
)
def test_a_student_that_writes_its_own_samples_is_planned_on_one_device(
    training: dict[str, Any],
) -> None:
    asked = spec(training=training)
    plan = plan_before_probing(request(several(8), asked=asked)).chosen
    assert plan.training.devices == 1
    assert plan_before_probing(request(several(8))).chosen.training.devices == 8


def test_jobs_that_only_ask_models_gain_nothing_from_more_devices() -> None:
    # All the time goes to probes, synthesis and evaluation.
    asked = spec(training={"max_steps": 1})
    one, eight = (
        plan_before_probing(request(several(count), asked=asked)).chosen for count in (1, 8)
    )
    assert eight.hours_to_deploy.value == pytest.approx(one.hours_to_deploy.value, rel=1e-3)


def test_a_cpu_trains_in_one_process() -> None:
    assert training_counts(cpu()) == (1,)
    assert training_counts(several(6)) == (1, 2, 4, 6)


def test_the_busiest_process_has_at_least_a_record() -> None:
    assert step_tokens(8_192, 270, 1) == 8_192
    assert step_tokens(8_192, 270, 8) == 1_024 + 135
    assert step_tokens(8_192, 4_096, 8) == 4_096


# --- serving ------------------------------------------------------------------------------------


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


# --- examples of docs/planner.md -----------------------------------------------------------------

QWEN_8B = transformer(hub_models()["Qwen/Qwen3-8B"].card())


def test_8b_in_full_on_four_cards_waits_for_its_weights() -> None:
    instance = ServerCatalog.aws()["ml.g6e.12xlarge"]
    training = StudentTraining(QWEN_8B, "full", "bfloat16", 270.0, 8192.0, lora_rank=16)
    found = step_rate(types_of(instance), training)
    assert found.tokens_per_second[0] == pytest.approx(1_305, abs=1)
    assert (found.possible[0], found.devices[0]) == (True, 4)


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
        told = serving_container(serving, "s", "s3://b/m.tar.gz", precision=plan.precision)
        environment = told["Environment"]
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
