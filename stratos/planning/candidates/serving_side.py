"""The serving side: latency, start-up and hosting of each fleet that can take the load."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from stratos.catalog.servers import Runtime
from stratos.contracts.plan import PlannedHosting
from stratos.hosting.offer import MAX_UTILISATION
from stratos.planning.arrays import Floats, Mask
from stratos.planning.candidates.cheapest_mode import NO_MODE, ModeOffers
from stratos.planning.candidates.side import Side
from stratos.planning.forecast.calibration import Correction
from stratos.planning.forecast.engine import SERVED_BY
from stratos.planning.forecast.network import round_trip_ms
from stratos.planning.forecast.rates import Serving, Types, corrected, replica_rates
from stratos.planning.forecast.server_table import ServerTable
from stratos.planning.forecast.serving_cost import (
    ReplicaRates,
    RequestShape,
    at_rows,
    capacity,
    decode_step_seconds,
    enough_slots,
    latency_seconds,
    prefill_seconds,
    slower,
)
from stratos.planning.forecast.start_up import endpoint_start_seconds
from stratos.planning.forecast.transformer import Transformer
from stratos.planning.forecast.workload import Workload
from stratos.planning.request import PlanningRequest
from stratos.units import figure

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
    """Evaluates every fleet for one student as it is served; teachers and methods share them."""

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
        self._stand_in, self._counts = servers.stand_in, servers.counts
        runtimes = np.array([row.instance.runtime for row in servers.rows])
        self._on: dict[Runtime, Mask] = {kind: runtimes == kind for kind in SERVED_BY}
        self._round_trip = np.array(
            [round_trip_ms(request.region, row.region) / 1e3 for row in servers.rows]
        )
        self._sides: dict[Hashable, Side | None] = {}
        self._sized: dict[Hashable, tuple[ReplicaRates, Mask]] = {}
        self._outlooks: dict[Hashable, Outlook] = {}

    def of(
        self, student: Transformer, serving: Serving, work: Workload, runtime: Runtime
    ) -> Side | None:
        """The non-dominated fleets of `every`."""
        key = (_key(student, serving, work), runtime)
        if key not in self._sides:
            side = self.every(student, serving, work, runtime)
            self._sides[key] = None if side is None else side.front()
        return self._sides[key]

    def every(
        self, student: Transformer, serving: Serving, work: Workload, runtime: Runtime
    ) -> Side | None:
        """P95 ms, hours to start and dollars a month of each server, in its cheapest allowed mode.

        Facts: requests per second that the server sustains, devices of one replica, replicas on
        one instance, requests that a replica answers at once, and the position of its mode.

        Args:
            runtime: Of the servers; the others are evaluated for another precision.
        """
        here = self._on[runtime]
        if not here.any():
            return None
        held = serving.on_cpus if runtime == "cpu" else serving.trained_in
        name = f"{student.name} ({held} on {'CPUs' if runtime == 'cpu' else 'GPUs'})"
        if obstacle := self.mode_offers.obstacle(student, serving, runtime):
            self._rejected.setdefault(name, obstacle)
            return None
        rates, possible = self._rates(student, serving, work)
        sustained = self._sustained(student, serving, work, rates)
        factors = self._latency_factors("p95_latency_ms", student, serving, work)
        seconds = self._latency("p95_latency_ms", student, serving, work, rates) * factors
        seconds = np.where(possible & here, seconds, np.inf)
        hosted = self.mode_offers.cheapest(student, serving, seconds, sustained)
        rows = np.flatnonzero(hosted.mode != NO_MODE)
        if not len(rows):
            self._rejected.setdefault(name, self._none_holds(work))
            return None
        values = np.column_stack([seconds * 1e3, self._endpoint_hours, hosted.usd_per_month])
        replicas = (rates.devices, rates.replicas, rates.slots)
        facts = np.column_stack([sustained, *replicas, hosted.mode])
        return Side(rows, values[rows], facts[rows])

    def num_candidates(self, cpu_precisions: int) -> int:
        """Servers in every mode, those with CPUs in so many precisions."""
        count = self.mode_offers.num_candidates
        return count(self._on["cuda"]) + cpu_precisions * count(self._on["cpu"])

    def _none_holds(self, work: Workload) -> str:
        if self.mode_offers.keeps_busy:
            return "no server works off the requests of a month"
        return (
            f"no fleet holds it and {figure(work.requests_per_second)} requests/s "
            f"at {MAX_UTILISATION:.0%} utilisation"
        )

    def _sustained(
        self, student: Transformer, serving: Serving, work: Workload, rates: ReplicaRates
    ) -> Floats:
        """Requests per second of each fleet with every slot in use."""
        fleet = self._counts * rates.replicas
        return capacity(student, _shape(work), rates) * fleet

    def planned_hosting(
        self, student: Transformer, serving: Serving, work: Workload, row: int, mode: int
    ) -> PlannedHosting:
        """The mode of one server in words; both by position."""
        outlook = self.outlook(student, serving, work)
        seconds = outlook.latency_ms["p95_latency_ms"] / 1e3
        sustained = outlook.requests_per_second
        return self.mode_offers.planned(
            student, serving, row, self.mode_offers.modes[mode], seconds, sustained
        )

    def outlook(self, student: Transformer, serving: Serving, work: Workload) -> Outlook:
        """The forecasts that a plan states, for every server."""
        key = _key(student, serving, work)
        if key not in self._outlooks:
            self._outlooks[key] = self._foresee(student, serving, work)
        return self._outlooks[key]

    def _foresee(self, student: Transformer, serving: Serving, work: Workload) -> Outlook:
        plain, _ = self._rates(student, serving, work)
        devices = self._devices(student, serving)
        rates, shape = corrected(self._types, student, plain, devices), _shape(work)
        alone = np.ones(len(self._round_trip))
        first = prefill_seconds(student, shape.prompt_tokens, rates)
        first = first + rates.request_seconds + self._round_trip
        step = decode_step_seconds(student, alone, shape.context_tokens, rates)
        corrections = {
            quantity: self._by_offer(self._corrections(quantity, student, serving, work))
            for quantity in (*PERCENTILES, "prefill_tokens_per_second", "decode_tokens_per_second")
        }
        latencies = {
            quantity: self._latency(quantity, student, serving, work, plain)
            * np.array([found.factor for found in corrections[quantity]])
            * 1e3
            for quantity in PERCENTILES
        }
        sustained = self._sustained(student, serving, work, plain)
        return Outlook(latencies, shape.prompt_tokens / first, 1.0 / step, sustained, corrections)

    def _rates(
        self, student: Transformer, serving: Serving, work: Workload
    ) -> tuple[ReplicaRates, Mask]:
        key = _key(student, serving, work)
        if key not in self._sized:
            self._sized[key] = self._size(student, serving, work)
        return self._sized[key]

    def _size(
        self, student: Transformer, serving: Serving, work: Workload
    ) -> tuple[ReplicaRates, Mask]:
        """Rates of every replica with the slots that it is given, and where the model fits."""
        longest = work.served_prompt_tokens + work.served_output_tokens
        rates, possible = replica_rates(self._types, student, serving, longest)
        if self._stand_in.any():
            rates = slower(rates, self.mode_offers.slowdown(student, serving))
            # A container answers one request at a time; the endpoint chooses its memory.
            slots = np.where(self._stand_in, 1.0, rates.slots)
            rates, possible = replace(rates, slots=slots), possible | self._stand_in
        rows = np.flatnonzero(self._on["cpu"] & ~self._stand_in)
        if len(rows) and not self.mode_offers.keeps_busy:
            # vLLM shares its memory among as many requests as come; llama.cpp's slots are fixed.
            arrivals, slots = self._arrivals(work, rates)[rows], rates.slots.copy()
            slots[rows] = enough_slots(student, _shape(work), arrivals, at_rows(rates, rows))
            rates = replace(rates, slots=slots)
        return rates, possible

    def _arrivals(self, work: Workload, rates: ReplicaRates) -> Floats:
        """Requests per second of one replica."""
        replicas = self._counts * rates.replicas
        return np.where(self._stand_in, 0.0, work.requests_per_second / replicas)

    def _devices(self, student: Transformer, serving: Serving) -> list[int]:
        """Of one replica, by instance type."""
        return [split for split, _ in self._types.layouts(student, serving.trained_in)]

    def _latency(
        self,
        quantity: str,
        student: Transformer,
        serving: Serving,
        work: Workload,
        rates: ReplicaRates,
    ) -> Floats:
        arrivals = self._arrivals(work, rates)
        if self.mode_offers.keeps_busy:
            arrivals = MAX_UTILISATION * capacity(student, _shape(work), rates)
        return latency_seconds(
            student,
            _shape(work),
            arrivals,
            rates,
            self._round_trip,
            percentile=PERCENTILES[quantity],
        )

    def _latency_factors(
        self, quantity: str, student: Transformer, serving: Serving, work: Workload
    ) -> Floats:
        if not self._types.calibration:
            return np.ones(len(self._round_trip))
        found = self._corrections(quantity, student, serving, work)
        return np.array([each.factor for each in found])[self._types.index]

    def _corrections(
        self, quantity: str, student: Transformer, serving: Serving, work: Workload
    ) -> list[Correction]:
        """Per instance type. Latencies are expected to follow the rates that runs have measured."""
        expected = np.ones(len(self._round_trip))
        devices = self._devices(student, serving)
        if quantity in PERCENTILES and self._types.calibration:
            plain, _ = self._rates(student, serving, work)
            measured = corrected(self._types, student, plain, devices)
            before = self._latency(quantity, student, serving, work, plain)
            after = self._latency(quantity, student, serving, work, measured)
            both = np.isfinite(before) & np.isfinite(after)
            expected = np.divide(after, before, out=expected, where=both)
        return self._types.informed(quantity, student, devices, expected)

    def _by_offer(self, per_type: list[Correction]) -> list[Correction]:
        return [per_type[position] for position in self._types.index]


def _key(student: Transformer, serving: Serving, work: Workload) -> Hashable:
    return (student, serving, work.served_prompt_tokens, work.served_output_tokens)


def _shape(work: Workload) -> RequestShape:
    return RequestShape(work.served_prompt_tokens, work.served_output_tokens)
