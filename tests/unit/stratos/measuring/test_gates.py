"""What was measured against what was asked."""

from __future__ import annotations

from stratos.contracts.plan import Interval
from stratos.measuring.gates import usd_per_1000_requests
from tests.summaries import interval


def test_one_thousand_requests_cost_the_hour_by_the_requests_of_one() -> None:
    cost = usd_per_1000_requests(3.6, Interval(value=2, lo=1, hi=4))
    assert cost == Interval(value=0.5, lo=0.25, hi=1.0)
    assert usd_per_1000_requests(3.6, interval(0)) is None
