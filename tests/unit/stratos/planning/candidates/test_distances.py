from __future__ import annotations

import pytest

from stratos.planning.candidates.distances import Distances
from stratos.planning.forecast.network import round_trip_ms

FOUND = Distances(
    {"us-east-1": 2.0, "eu-west-1": 1.0, "sa-east-1": 0.5}, ("us-east-1", "eu-west-1")
)


def test_a_set_of_origins_is_as_far_as_its_farthest_member() -> None:
    assert FOUND.num_sets == 7
    assert FOUND.names(0b101) == ("us-east-1", "sa-east-1")
    farthest = FOUND.farthest(0b101)
    assert farthest[0] == pytest.approx(round_trip_ms("sa-east-1", "us-east-1") / 1e3)
    assert farthest[1] == pytest.approx(FOUND.seconds("sa-east-1", "eu-west-1"))


def test_a_set_brings_the_requests_of_its_members() -> None:
    assert FOUND.rates().tolist() == [2.0, 1.0, 3.0, 0.5, 2.5, 1.5, 3.5]
