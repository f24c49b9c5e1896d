"""The serving side of a model that is asked in batches: hours of work, in place of all hours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stratos.hosting.modes.batch import batch_usd_per_month, needed_requests_per_second
from stratos.planning.candidates.group import Side
from stratos.planning.candidates.offers import Offers
from stratos.planning.forecast.serving_cost import MAX_UTILISATION, Load, ReplicaRates, capacity
from stratos.planning.forecast.transformer import Transformer
from stratos.spec import Load as Traffic

Floats = NDArray[np.float64]


def batch_side(
    offers: Offers,
    traffic: Traffic,
    facts: Floats,
    busy_ms: Floats,
    start_hours: Floats,
    possible: NDArray[np.bool_],
) -> Side | None:
    """Milliseconds of an answer, hours to start and dollars a month of each server.

    None where no server works off in a month what comes in one.

    Args:
        facts: Requests per second with every slot in use, as in a batch, and what else is reported.
        busy_ms: Time that one answer takes then.
        possible: Servers that hold the model.
    """
    sustained = facts[:, 0]
    holds = needed_requests_per_second(traffic) <= sustained
    rows = np.flatnonzero(possible & holds & np.isfinite(busy_ms))
    if not len(rows):
        return None
    usd_per_month = [
        batch_usd_per_month(traffic, float(offers.usd_per_hour[row]), float(sustained[row]))
        for row in rows
    ]
    values = np.column_stack([busy_ms[rows], start_hours[rows], usd_per_month])
    return Side(rows, values, facts[rows])


def busy_arrivals(
    model: Transformer, load: Load, bytes_per_value: Floats | float, rates: ReplicaRates
) -> Floats:
    """Requests per second that keep a replica busy: a batch never lets it wait."""
    return MAX_UTILISATION * capacity(model, load, bytes_per_value, rates)
