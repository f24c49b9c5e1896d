"""Training rates, on as many devices as make them fastest."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos.catalog.servers import InstanceType, ServerCatalog
from stratos.errors import NoFeasiblePlan
from stratos.planning.choose import plan_before_probing
from stratos.planning.forecast.devices import LINK_SHARE, UNKNOWN_LINK_GB_PER_S
from stratos.planning.forecast.engine import EFFICIENCIES, HIDDEN_SHARE
from stratos.planning.forecast.memory import TrainingMemory, adapter_parameters
from stratos.planning.forecast.training_rates import (
    UPDATE_BYTES,
    StepRate,
    StudentTraining,
    step_rate,
)
from stratos.spec import Method
from tests.unit.stratos.planning.forecast.several_devices import CATALOG_8B, links, sizes
from tests.unit.stratos.planning.planning_inputs import (
    model,
    request,
    several,
    shape,
    spec,
    types_of,
)


def trained(
    instance: InstanceType,
    billions: float = 0.5,
    method: Method = "full",
    batch_tokens: float = 8192.0,
    *,
    writes: bool = False,
) -> StepRate:
    training = StudentTraining(
        shape(billions), method, "bfloat16", 270.0, batch_tokens, 16, writes=writes
    )
    return step_rate(types_of(instance), training)


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
        body = student.parameters - 32_000 * student.hidden_size * (1 if student.is_tied else 2)
        flop = (6 if method == "full" else 4) * (max(0, body) + 32_000 * student.hidden_size)
        flop += 6 * student.layers * student.hidden_size * 270
        reached = 120e12 * cuda.training * student.hidden_size / (student.hidden_size + 256)
        computing = part * flop / reached
        whole = (12 if method == "full" else 4) * student.parameters
        gigabytes = LINK_SHARE * (link or UNKNOWN_LINK_GB_PER_S)
        moving = passes * whole * (count - 1) / count / (gigabytes * 1e9)
        forward = cuda.step_seconds + student.layers * cuda.layer_seconds
        seconds = max(computing, moving) + (1 - HIDDEN_SHARE) * min(computing, moving)
        need = TrainingMemory(student, method, 2.0, held, 16, num_devices=count)
        weights = student.parameters if method == "full" else adapter_parameters(student, 16)
        updating = UPDATE_BYTES * weights / count / 300e9
        if need.gib <= 0.9 * memory:
            rates[count] = batch_tokens / (seconds + passes * 3 * forward + updating)
    found = trained(instance, billions, method, batch_tokens)
    assert found.possible[0] == bool(rates)
    if rates:
        assert found.tokens_per_second[0] == pytest.approx(max(rates.values()))
        assert rates[int(found.devices[0])] == pytest.approx(max(rates.values()))


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


def test_8b_in_full_on_four_cards_waits_for_its_weights() -> None:
    instance = ServerCatalog.aws()["ml.g6e.12xlarge"]
    training = StudentTraining(CATALOG_8B, "full", "bfloat16", 270.0, 8192.0, lora_rank=16)
    found = step_rate(types_of(instance), training)
    assert found.tokens_per_second[0] == pytest.approx(1_290, abs=1)
    assert (found.possible[0], found.devices[0]) == (True, 4)


def test_a_student_that_writes_must_be_held_whole_on_each_device() -> None:
    server = several(8)
    room = server.device_memory_gib * 2**30
    # Sharded, 2 bytes of state a parameter; whole, 4 bytes of weights beside them.
    billions = room / 1e9 / 4
    assert trained(server, billions).possible[0]
    assert not trained(server, billions, writes=True).possible[0]
    small = trained(server, 0.5, writes=True)
    assert small.possible[0]
    assert small.devices[0] == trained(server, 0.5).devices[0]
