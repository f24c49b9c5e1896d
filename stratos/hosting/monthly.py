"""A month of the declared traffic: its hours, its requests, and what work on them costs."""

from __future__ import annotations

from stratos.spec import Load

HOURS_PER_MONTH = 730.0
_DAYS_PER_MONTH = HOURS_PER_MONTH / 24


def requests_per_month(load: Load) -> float:
    """Requests that the declared traffic brings."""
    mean = load.mean_requests_per_second or load.requests_per_second
    return mean * 3600 * load.active_hours_per_day * _DAYS_PER_MONTH


def usd_per_busy_hour(usd_per_hour: float, load: Load) -> float:
    """The bill of an hour in which requests come at the declared rate.

    Args:
        usd_per_hour: Averaged over a month, lulls included.
    """
    busy_hours = requests_per_month(load) / (3600 * load.requests_per_second)
    return usd_per_hour * HOURS_PER_MONTH / busy_hours


def worked_off_usd_per_month(load: Load, usd_per_hour: float, requests_per_second: float) -> float:
    """The bill of the hours that a month's requests take on a server that never rests.

    Cold starts are left out: how many batches there are is not declared.
    """
    return usd_per_hour * requests_per_month(load) / (3600 * requests_per_second)


def needed_requests_per_second(load: Load) -> float:
    """The rate at which a server that never rests works off what comes."""
    return requests_per_month(load) / (3600 * HOURS_PER_MONTH)
