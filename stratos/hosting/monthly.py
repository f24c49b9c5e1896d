"""A month: its hours, the requests that the declared traffic brings in it, and what one hour costs."""

from __future__ import annotations

from stratos.spec import Load

HOURS_PER_MONTH = 730.0


_DAYS_PER_MONTH = HOURS_PER_MONTH / 24


def usd_per_busy_hour(usd_per_hour: float, load: Load) -> float:
    """The bill of an hour in which requests come at the declared rate.

    Args:
        usd_per_hour: Averaged over a month, lulls included.
    """
    busy_hours = requests_per_month(load) / (3600 * load.requests_per_second)
    return usd_per_hour * HOURS_PER_MONTH / busy_hours


def requests_per_month(load: Load) -> float:
    mean = load.mean_requests_per_second or load.requests_per_second
    return mean * 3600 * load.active_hours_per_day * _DAYS_PER_MONTH
