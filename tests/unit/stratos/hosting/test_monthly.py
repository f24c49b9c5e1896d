"""A month of the declared traffic."""

from __future__ import annotations

import pytest

from stratos.hosting.monthly import requests_per_month, worked_off_usd_per_month
from tests import factories


def test_a_months_batches_cost_the_hours_that_their_requests_take() -> None:
    load = factories.spec(load={"requests_per_second": 2, "active_hours_per_day": 3}).load
    hours = requests_per_month(load) / 5 / 3600
    assert worked_off_usd_per_month(load, 1.2, 5) == pytest.approx(1.2 * hours)
