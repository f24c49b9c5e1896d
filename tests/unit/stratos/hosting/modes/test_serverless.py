"""Serverless endpoints: memory, concurrency and the bill."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos.hosting.modes.serverless import Serverless, concurrency
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
    assert memory == 3  # one for the server, and room for 500 MiB of weights in float32
    assert built.hosting.usd_per_month == pytest.approx(requests * 0.4 * memory * 2e-5)
    assert built.usd_per_hour * 730 == pytest.approx(built.hosting.usd_per_month)
    assert built.production_variant["ServerlessConfig"]["MemorySizeInMB"] == 3072
    assert "InstanceType" not in built.production_variant
    assert (built.guardrails, built.scaling) == (None, None)


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
    offer = Serverless().offer(Hosted(spec, "cpu", MIB))
    most = offer.possible_up_to.seconds
    assert concurrency(spec.load, most - 1) < concurrency(spec.load, most) == 200
    assert offer.impossible_at(most - 0.01) is None
    assert "exceed its limit of 200" in str(offer.impossible_at(most + 0.01))
