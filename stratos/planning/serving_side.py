"""The serving side: latency, start-up and hosting of each fleet that holds the load."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
from numpy.typing import NDArray

from stratos.plan import Precision
from stratos.planning.engine import Reach
from stratos.planning.group import Side, endpoint_seconds
from stratos.planning.network import round_trip_ms
from stratos.planning.offers import Offers
from stratos.planning.rates import Types, replica_rates, value_bytes
from stratos.planning.request import PlanningRequest
from stratos.planning.serving_cost import MAX_UTILISATION, Load, capacity, latency_seconds
from stratos.planning.training_cost import HOURS_PER_MONTH
from stratos.planning.transformer import Transformer
from stratos.planning.workload import Workload

Floats = NDArray[np.float64]


class ServingSide:
    """Evaluates every fleet for one student and precision; teachers and methods share them."""

    def __init__(
        self,
        request: PlanningRequest,
        offers: Offers,
        reach: Reach,
        rejected: dict[str, str],
    ) -> None:
        self._reach, self._rejected = reach, rejected
        self._types = Types(offers, request.calibration)
        self._endpoint_hours = self._types.column(endpoint_seconds) / 3600
        self._usd_per_month = offers.usd_per_hour * HOURS_PER_MONTH
        self._round_trip = np.array(
            [round_trip_ms(request.region, row.region) / 1e3 for row in offers.rows]
        )
        self._sides: dict[Hashable, Side | None] = {}

    def of(self, student: Transformer, precision: Precision, work: Workload) -> Side | None:
        """The non-dominated fleets of `every`."""
        key = (student, precision, work.served_prompt_tokens, work.served_output_tokens)
        if key not in self._sides:
            side = self.every(student, precision, work)
            self._sides[key] = None if side is None else side.front()
        return self._sides[key]

    def every(self, student: Transformer, precision: Precision, work: Workload) -> Side | None:
        """P95 ms, hours to start and dollars a month of each fleet below 70% utilisation.

        Facts: requests per second that the fleet sustains.
        """
        types, reach = self._types, self._reach
        load = Load(work.served_prompt_tokens, work.served_output_tokens)
        longest = load.prompt_tokens + load.output_tokens
        rates, possible = replica_rates(types, student, precision, reach.serving_devices, longest)
        size, fleet = value_bytes(types, precision), types.offers.counts
        sustained = capacity(student, load, size, rates) * fleet
        share = work.requests_per_second / fleet
        seconds = latency_seconds(student, load, share, size, rates, self._round_trip)
        seconds = seconds * types.corrections("p95_latency_ms", student)
        holds = work.requests_per_second <= MAX_UTILISATION * sustained
        rows = np.flatnonzero(possible & holds & np.isfinite(seconds))
        if not len(rows):
            self._rejected.setdefault(
                f"{student.name} ({precision})",
                f"no fleet holds it and {work.requests_per_second:g} requests/s "
                f"at {MAX_UTILISATION:.0%} utilisation",
            )
            return None
        values = np.column_stack([seconds * 1e3, self._endpoint_hours, self._usd_per_month])[rows]
        return Side(rows, values, sustained[rows][:, None])
