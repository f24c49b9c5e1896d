"""The serving side: latency, start-up and hosting of each fleet that can take the load."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from stratos.contracts.plan import PlannedHosting, Precision
from stratos.hosting.offer import MAX_UTILISATION
from stratos.planning.arrays import Floats, Mask
from stratos.planning.candidates.cheapest_mode import NO_MODE, ModeOffers
from stratos.planning.candidates.side import Side
from stratos.planning.forecast.calibration import Correction
from stratos.planning.forecast.network import round_trip_ms
from stratos.planning.forecast.rates import Types, corrected, replica_rates, value_bytes
from stratos.planning.forecast.server_table import ServerTable
from stratos.planning.forecast.serving_cost import (
    ReplicaRates,
    RequestShape,
    capacity,
    decode_step_seconds,
    latency_seconds,
    prefill_seconds,
    slower,
)
from stratos.planning.forecast.start_up import endpoint_start_seconds
from stratos.planning.forecast.transformer import Transformer
from stratos.planning.forecast.workload import Workload
from stratos.planning.request import PlanningRequest

PERCENTILES = {"p50_latency_ms": 0.5, "p95_latency_ms": 0.95}


@dataclass(frozen=True)
class Outlook:
    """What is expected of an endpoint on each server. Arrays run over servers.

    Attributes:
        latency_ms: Under the declared load, by percentile as in `PERCENTILES`.
        prefill_tokens_per_second: Prompt tokens over the time to a one-token answer, of a request
            alone; including the network's round trip, as a client measures it.
        decode_tokens_per_second: Of a request alone.
        requests_per_second: That the whole fleet sustains.
        corrections: Calibration of each quantity, by server.
    """

    latency_ms: Mapping[str, Floats]
    prefill_tokens_per_second: Floats
    decode_tokens_per_second: Floats
    requests_per_second: Floats
    corrections: Mapping[str, list[Correction]]

    def factors(self, row: int) -> dict[str, float]:
        return {quantity: found[row].factor for quantity, found in self.corrections.items()}


class ServingSide:
    """Evaluates every fleet for one student and precision; teachers and methods share them."""

    def __init__(
        self,
        request: PlanningRequest,
        servers: ServerTable,
        rejected: dict[str, str],
    ) -> None:
        self._rejected = rejected
        self._types = Types(servers, request.calibration)
        self._endpoint_hours = self._types.column(endpoint_start_seconds) / 3600
        self.mode_offers = ModeOffers(request, servers)
        self._stand_in = servers.stand_in
        self._round_trip = np.array(
            [round_trip_ms(request.region, row.region) / 1e3 for row in servers.rows]
        )
        self._sides: dict[Hashable, Side | None] = {}
        self._outlooks: dict[Hashable, Outlook] = {}

    def of(self, student: Transformer, precision: Precision, work: Workload) -> Side | None:
        """The non-dominated fleets of `every`."""
        key = _key(student, precision, work)
        if key not in self._sides:
            side = self.every(student, precision, work)
            self._sides[key] = None if side is None else side.front()
        return self._sides[key]

    def every(self, student: Transformer, precision: Precision, work: Workload) -> Side | None:
        """P95 ms, hours to start and dollars a month of each server, in its cheapest allowed mode.

        Facts: requests per second that the server sustains, devices of one replica, replicas on
        one instance, and the position of its mode.
        """
        if obstacle := self.mode_offers.obstacle(student):
            self._rejected.setdefault(student.name, obstacle)
            return None
        rates, possible = self._rates(student, precision, work)
        sustained = self._sustained(student, precision, work, rates)
        factors = self._latency_factors("p95_latency_ms", student, precision, work)
        seconds = self._latency("p95_latency_ms", student, precision, work, rates) * factors
        hosted = self.mode_offers.cheapest(student, np.where(possible, seconds, np.inf), sustained)
        rows = np.flatnonzero(hosted.mode != NO_MODE)
        if not len(rows):
            self._rejected.setdefault(f"{student.name} ({precision})", self._none_holds(work))
            return None
        values = np.column_stack([seconds * 1e3, self._endpoint_hours, hosted.usd_per_month])
        facts = np.column_stack([sustained, rates.devices, rates.replicas, hosted.mode])
        return Side(rows, values[rows], facts[rows])

    def _none_holds(self, work: Workload) -> str:
        if self.mode_offers.keeps_busy:
            return "no server works off the requests of a month"
        return (
            f"no fleet holds it and {work.requests_per_second:g} requests/s "
            f"at {MAX_UTILISATION:.0%} utilisation"
        )

    def _sustained(
        self, student: Transformer, precision: Precision, work: Workload, rates: ReplicaRates
    ) -> Floats:
        """Requests per second of each fleet with every slot in use."""
        size, fleet = value_bytes(self._types, precision), self._types.servers.counts
        return capacity(student, _shape(work), size, rates) * fleet * rates.replicas

    def planned_hosting(
        self, student: Transformer, precision: Precision, work: Workload, row: int, mode: int
    ) -> PlannedHosting:
        """The mode of one server in words; both by position."""
        outlook = self.outlook(student, precision, work)
        seconds = outlook.latency_ms["p95_latency_ms"] / 1e3
        sustained = outlook.requests_per_second
        return self.mode_offers.planned(
            student, row, self.mode_offers.modes[mode], seconds, sustained
        )

    def outlook(self, student: Transformer, precision: Precision, work: Workload) -> Outlook:
        """The forecasts that a plan states, for every server."""
        key = _key(student, precision, work)
        if key not in self._outlooks:
            self._outlooks[key] = self._foresee(student, precision, work)
        return self._outlooks[key]

    def _foresee(self, student: Transformer, precision: Precision, work: Workload) -> Outlook:
        plain, _ = self._rates(student, precision, work)
        devices = self._devices(student, precision)
        rates, shape = corrected(self._types, student, plain, devices), _shape(work)
        size = value_bytes(self._types, precision)
        alone = np.ones(len(self._round_trip))
        first = prefill_seconds(student, shape.prompt_tokens, rates)
        first = first + rates.request_seconds + self._round_trip
        step = decode_step_seconds(student, alone, shape.context_tokens, size, rates)
        corrections = {
            quantity: self._by_offer(self._corrections(quantity, student, precision, work))
            for quantity in (*PERCENTILES, "prefill_tokens_per_second", "decode_tokens_per_second")
        }
        latencies = {
            quantity: self._latency(quantity, student, precision, work, plain)
            * np.array([found.factor for found in corrections[quantity]])
            * 1e3
            for quantity in PERCENTILES
        }
        sustained = self._sustained(student, precision, work, plain)
        return Outlook(latencies, shape.prompt_tokens / first, 1.0 / step, sustained, corrections)

    def _rates(
        self, student: Transformer, precision: Precision, work: Workload
    ) -> tuple[ReplicaRates, Mask]:
        longest = work.served_prompt_tokens + work.served_output_tokens
        rates, possible = replica_rates(self._types, student, precision, longest)
        if not self._stand_in.any():
            return rates, possible
        rates = slower(rates, self.mode_offers.slowdown(student))
        # A container answers one request at a time; the endpoint chooses its memory.
        slots = np.where(self._stand_in, 1.0, rates.slots)
        return replace(rates, slots=slots), possible | self._stand_in

    def _devices(self, student: Transformer, precision: Precision) -> list[int]:
        """Of one replica, by instance type."""
        return [split for split, _ in self._types.layouts(student, precision)]

    def _latency(
        self,
        quantity: str,
        student: Transformer,
        precision: Precision,
        work: Workload,
        rates: ReplicaRates,
    ) -> Floats:
        size, num_replicas = (
            value_bytes(self._types, precision),
            self._types.servers.counts * rates.replicas,
        )
        arrivals = np.where(self._stand_in, 0.0, work.requests_per_second / num_replicas)
        if self.mode_offers.keeps_busy:
            arrivals = MAX_UTILISATION * capacity(student, _shape(work), size, rates)
        return latency_seconds(
            student,
            _shape(work),
            arrivals,
            size,
            rates,
            self._round_trip,
            percentile=PERCENTILES[quantity],
        )

    def _latency_factors(
        self, quantity: str, student: Transformer, precision: Precision, work: Workload
    ) -> Floats:
        if not self._types.calibration:
            return np.ones(len(self._round_trip))
        found = self._corrections(quantity, student, precision, work)
        return np.array([each.factor for each in found])[self._types.index]

    def _corrections(
        self, quantity: str, student: Transformer, precision: Precision, work: Workload
    ) -> list[Correction]:
        """Per instance type. Latencies are expected to follow the rates that runs have measured."""
        expected = np.ones(len(self._round_trip))
        devices = self._devices(student, precision)
        if quantity in PERCENTILES and self._types.calibration:
            plain, _ = self._rates(student, precision, work)
            measured = corrected(self._types, student, plain, devices)
            before = self._latency(quantity, student, precision, work, plain)
            after = self._latency(quantity, student, precision, work, measured)
            both = np.isfinite(before) & np.isfinite(after)
            expected = np.divide(after, before, out=expected, where=both)
        return self._types.informed(quantity, student, devices, expected)

    def _by_offer(self, per_type: list[Correction]) -> list[Correction]:
        return [per_type[position] for position in self._types.index]


def _key(student: Transformer, precision: Precision, work: Workload) -> Hashable:
    return (student, precision, work.served_prompt_tokens, work.served_output_tokens)


def _shape(work: Workload) -> RequestShape:
    return RequestShape(work.served_prompt_tokens, work.served_output_tokens)
