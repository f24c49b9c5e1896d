"""Round trips between regions."""

from __future__ import annotations

import pytest

from stratos.planning.forecast.network import great_circle_km, round_trip_ms


def test_the_round_trip_from_dublin_to_virginia_is_about_seventy_milliseconds() -> None:
    # About 5,500 km; measured round trips are 67-75 ms.
    assert great_circle_km((53.35, -6.3), (38.95, -77.45)) == pytest.approx(5_450, rel=0.03)
    assert 60 < round_trip_ms("eu-west-1", "us-east-1") < 95
    assert round_trip_ms("eu-west-1", "us-east-1") == round_trip_ms("us-east-1", "eu-west-1")
    assert round_trip_ms("eu-west-1", "eu-west-1") == 1.0
