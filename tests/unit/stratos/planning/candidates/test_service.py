from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from stratos.planning.candidates.cheapest_mode import ModeOffers
from stratos.planning.candidates.service import FleetService
from stratos.planning.forecast.rates import Serving
from stratos.planning.forecast.server_table import serving_table
from stratos.planning.forecast.workload import workload_of
from tests.unit.stratos.planning.planning_inputs import cpu, gpu, request, shape

REGIONS = ("us-east-1", "eu-west-1")
ASKED = request(gpu(usd={"us-east-1": 1.0, "eu-west-1": 2.0}), cpu())
SERVING = Serving("bfloat16", "float16", 512)


def service() -> FleetService:
    table = serving_table(ASKED.servers, REGIONS)
    return FleetService(table, ModeOffers(ASKED, table))


def test_regions_share_the_forecast_of_a_kind_of_fleet() -> None:
    table, found = serving_table(ASKED.servers, REGIONS), service()
    assert len(found.kinds) == len(table) / 2
    for row, kind in zip(table.rows, found.kind, strict=True):
        same = table.rows[found.kinds[kind]]
        assert (same.instance, same.count) == (row.instance, row.count)


@pytest.mark.parametrize("runtime", ["cpu", "cuda"])
def test_a_share_of_the_load_is_forecast_as_if_there_were_no_other(runtime: str) -> None:
    found, student = service(), shape(0.05)
    kinds = found.on_instances(runtime)  # type: ignore[arg-type]
    work = workload_of(ASKED, None)
    loads = np.array([0.2, 1.5])
    under = found.under(student, SERVING, work, kinds, loads)
    for at, load in enumerate(loads):
        alone = replace(work, requests_per_second=float(load))
        rates, possible = found.rates(student, SERVING, alone)
        seconds = found.seconds(student, alone, rates, 0.95)
        expected = np.where(possible, seconds, np.inf)[kinds]
        assert under.seconds[at].tolist() == expected.tolist()
        assert under.slots[at].tolist() == rates.slots[kinds].tolist()
        sustained = found.sustained(student, SERVING, alone, rates)[kinds]
        assert under.sustained[at].tolist() == sustained.tolist()
