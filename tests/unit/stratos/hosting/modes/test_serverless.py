"""Serverless endpoints: memory, concurrency and the bill."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos.hosting.modes.serverless import Serverless, concurrency, memory_gib
from stratos.hosting.offer import Hosted
from stratos.spec import Load
from stratos.units import MIB
from tests import factories
from tests.unit.stratos.hosting.deployments import RARE, hosted


def test_a_serverless_endpoint_gets_memory_for_the_real_artifact_and_is_billed_by_the_second():
    built = hosted(planned="serverless", load=RARE, hosting={"max_cold_start_seconds": 90})
    assert built.hosting.mode == "serverless"
    requests = 0.01 * 3600 * 2 * 730 / 24
    memory = built.hosting.memory_gib
    assert memory == 2  # 1.5 for the engine, its forecast's error, and its processors
    assert built.hosting.usd_per_month == pytest.approx(requests * 0.4 * memory * 2e-5)
    assert built.usd_per_hour * 730 == pytest.approx(built.hosting.usd_per_month)
    assert built.production_variant["ServerlessConfig"]["MemorySizeInMB"] == 2048
    assert "InstanceType" not in built.production_variant
    assert (built.guardrails, built.scaling) == (None, None)


@pytest.mark.parametrize(("engine_gib", "threads"), [(0.5, "1"), (3.0, "2"), (5.0, "3")])
def test_an_engine_gets_as_many_threads_as_its_container_has_processors(
    engine_gib: float, threads: str
) -> None:
    tolerant = {"max_cold_start_seconds": 90}
    built = hosted(planned="serverless", load=RARE, hosting=tolerant, memory_gib=engine_gib)
    assert built.hosting.mode == "serverless"
    assert built.container["Environment"]["SM_LLAMA_CPP_THREADS"] == threads


@pytest.mark.parametrize(("engine_gib", "gib"), [(0.2, 2), (1.7, 3), (5.1, 6), (5.2, None)])
def test_memory_leaves_room_for_an_engine_that_takes_more_than_its_forecast(
    engine_gib: float, gib: int | None
) -> None:
    offer = Serverless().offer(Hosted(factories.spec(), "cpu", MIB, engine_gib))
    if gib is None:
        assert "6 GB of memory at most, and the model needs 6.1" in str(offer.impossible)
    else:
        assert offer.impossible is None
        assert memory_gib(engine_gib) == gib


def test_a_plan_on_graviton_cannot_be_served_without_a_server() -> None:
    hosted_on = Hosted(factories.spec(), "cpu", MIB, 0.2, "arm64")
    assert "x86-64" in str(Serverless().offer(hosted_on).impossible)


@given(in_flight=st.floats(0.01, 90))
def test_a_serverless_endpoint_refuses_hardly_any_of_the_requests_that_come_at_once(in_flight):
    allowed = concurrency(Load(requests_per_second=in_flight), seconds=1.0)
    more = 1.0 - math.fsum(
        math.exp(n * math.log(in_flight) - in_flight - math.lgamma(n + 1))
        for n in range(allowed + 1)
    )
    assert allowed <= 200
    assert more < 0.001


def test_a_load_is_too_much_for_serverless_just_where_its_concurrency_ends():
    spec = factories.spec(load={"requests_per_second": 1.0})
    offer = Serverless().offer(Hosted(spec, "cpu", MIB, 0.2))
    most = offer.possible_up_to.seconds
    assert concurrency(spec.load, most - 1) < concurrency(spec.load, most) == 200
    assert offer.impossible_at(most - 0.01) is None
    assert "exceed its limit of 200" in str(offer.impossible_at(most + 0.01))
