"""Fleets under the declared load."""

from __future__ import annotations

from stratos.planning.choose import plan_before_probing
from tests.unit.stratos.planning.planning_inputs import CHEAP, request, spec


def test_the_fleet_grows_with_the_load() -> None:
    def count(rate: float) -> int:
        asked = spec(load={"requests_per_second": rate}, preferences={"cost": 50})
        return plan_before_probing(request(CHEAP, asked=asked)).chosen.serving.count

    assert count(0.5) == 1
    assert count(80.0) > count(0.5)
