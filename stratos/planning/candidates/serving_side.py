"""The serving side: latency, start-up and hosting of each fleet that can take the load."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import numpy as np

from stratos.catalog.servers import Runtime
from stratos.contracts.plan import PlannedHosting
from stratos.hosting.offer import MAX_UTILISATION
from stratos.planning.arrays import Floats
from stratos.planning.candidates.cheapest_mode import NO_MODE, ModeOffers
from stratos.planning.candidates.distances import Distances
from stratos.planning.candidates.regional import Regional, RegionalFleet
from stratos.planning.candidates.service import FleetService, shape_of
from stratos.planning.candidates.side import Side, end_to_end
from stratos.planning.forecast.calibration import Correction
from stratos.planning.forecast.network import round_trip_ms
from stratos.planning.forecast.rates import Serving, Types, corrected
from stratos.planning.forecast.server_table import ServerTable
from stratos.planning.forecast.serving_cost import (
    ReplicaRates,
    decode_step_seconds,
    prefill_seconds,
)
from stratos.planning.forecast.start_up import endpoint_start_seconds
from stratos.planning.forecast.transformer import Transformer
from stratos.planning.forecast.workload import Workload
from stratos.planning.request import PlanningRequest
from stratos.units import figure

PERCENTILES = {"p50_latency_ms": 0.5, "p95_latency_ms": 0.95}
NO_FLEET = -1
"""In place of a fleet over several regions: one endpoint."""


@dataclass(frozen=True)
class Outlook:
    """What is expected of an endpoint on each server. Arrays run over servers.

    Attributes:
        latency_ms: Of the farthest origin under the declared load, by percentile as in
            `PERCENTILES`.
        service_seconds: The same without the network and before calibration.
        prefill_tokens_per_second: Prompt tokens over the time to a one-token answer, of a request
            alone; including the round trip from home, where it is measured.
        decode_tokens_per_second: Of a request alone.
        requests_per_second: That the whole fleet sustains.
        corrections: Calibration of each quantity, by server.
    """

    latency_ms: Mapping[str, Floats]
    service_seconds: Mapping[str, Floats]
    prefill_tokens_per_second: Floats
    decode_tokens_per_second: Floats
    requests_per_second: Floats
    corrections: Mapping[str, list[Correction]]

    def factors(self, row: int) -> dict[str, float]:
        return {quantity: found[row].factor for quantity, found in self.corrections.items()}

    def latency_over(self, quantity: str, row: int, round_trip_seconds: float) -> float:
        """Milliseconds at a percentile, over some distance."""
        seconds = float(self.service_seconds[quantity][row]) + round_trip_seconds
        return seconds * self.corrections[quantity][row].factor * 1e3


class ServingSide:
    """Evaluates every fleet for one student as it is served; teachers and methods share them.

    Attributes:
        fleets: Over several regions, as far as they are on a front.
        regional: Evaluates those.
    """

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
        self._service = FleetService(servers, self.mode_offers)
        regions = tuple(dict.fromkeys(row.region for row in servers.rows))
        self.distances = Distances(request.origins, regions)
        place = np.array([regions.index(row.region) for row in servers.rows], dtype=np.int64)
        farthest = self.distances.farthest(self.distances.num_sets)
        self._round_trip = farthest[place]
        home = np.array([round_trip_ms(request.region, region) / 1e3 for region in regions])
        self._from_home = home[place]
        self.regional = Regional(servers, self._service, self.mode_offers, self.distances, place)
        self.fleets: list[RegionalFleet] = []
        self._sides: dict[Hashable, Side | None] = {}
        self._outlooks: dict[Hashable, Outlook] = {}

    def of(
        self, student: Transformer, serving: Serving, work: Workload, runtime: Runtime
    ) -> Side | None:
        """The non-dominated fleets of `every`, and of those over several regions."""
        key = (_key(student, serving, work), runtime)
        if key not in self._sides:
            side = self.every(student, serving, work, runtime)
            if side is not None:
                side = self._with_fleets(side.front(), student, serving, work, runtime)
            self._sides[key] = side
        return self._sides[key]

    def every(
        self, student: Transformer, serving: Serving, work: Workload, runtime: Runtime
    ) -> Side | None:
        """P95 ms, hours to start and dollars a month of each server, in its cheapest allowed mode.

        Facts: requests per second that the server sustains, devices of one replica, replicas on
        one instance, requests that a replica answers at once, the position of its mode, and
        `NO_FLEET`.

        Args:
            runtime: Of the servers; the others are evaluated for another precision.
        """
        kind = self._service.kind
        here = self._service.on[runtime][kind]
        if not here.any():
            return None
        held = serving.on_cpus if runtime == "cpu" else serving.trained_in
        name = f"{student.name} ({held} on {'CPUs' if runtime == 'cpu' else 'GPUs'})"
        if obstacle := self.mode_offers.obstacle(student, serving, runtime):
            self._rejected.setdefault(name, obstacle)
            return None
        rates, possible = self._service.rates(student, serving, work)
        sustained = self._service.sustained(student, serving, work, rates)[kind]
        factors = self._latency_factors("p95_latency_ms", student, serving, work)
        seconds = self._latency("p95_latency_ms", student, work, rates) * factors
        seconds = np.where(possible[kind] & here, seconds, np.inf)
        hosted = self.mode_offers.cheapest(student, serving, seconds, sustained)
        rows = np.flatnonzero(hosted.mode != NO_MODE)
        if not len(rows):
            self._rejected.setdefault(name, self._none_holds(work))
            return None
        values = np.column_stack([seconds * 1e3, self._endpoint_hours, hosted.usd_per_month])
        replicas = [
            np.broadcast_to(found, len(self._service.kinds))[kind]
            for found in (rates.devices, rates.replicas, rates.slots)
        ]
        single = np.full(len(kind), NO_FLEET)
        facts = np.column_stack([sustained, *replicas, hosted.mode, single])
        return Side(rows, values[rows], facts[rows])

    def _with_fleets(
        self, side: Side, student: Transformer, serving: Serving, work: Workload, runtime: Runtime
    ) -> Side:
        """The front of one side, and of the fleets over several regions that none of it beats."""
        factors = self._latency_factors("p95_latency_ms", student, serving, work)
        fleets = self.regional.fleets(student, serving, work, runtime, factors)
        if not fleets:
            return side
        first = len(self.fleets)
        rows = np.array([fleet.main.row for fleet in fleets], dtype=np.int64)
        values = [
            [fleet.seconds * 1e3, self._endpoint_hours[fleet.main.row], fleet.usd_per_month]
            for fleet in fleets
        ]
        facts = [
            [
                sum(part.sustained for part in fleet.parts),
                *self.layout(student, serving, work, fleet.main.row),
                fleet.main.slots,
                fleet.mode,
                first + number,
            ]
            for number, fleet in enumerate(fleets)
        ]
        self.fleets += fleets
        return end_to_end([side, Side(rows, np.array(values), np.array(facts))]).front()

    def num_candidates(self, cpu_precisions: int) -> int:
        """Servers in every mode, those with CPUs in so many precisions; and fleets of them."""
        return self._num_candidates("cuda") + cpu_precisions * self._num_candidates("cpu")

    def _num_candidates(self, runtime: Runtime) -> int:
        here = self._service.on[runtime][self._service.kind]
        return self.mode_offers.num_candidates(here) + self.regional.num_fleets(runtime)

    def _none_holds(self, work: Workload) -> str:
        if self.mode_offers.keeps_busy:
            return "no server works off the requests of a month"
        return (
            f"no fleet holds it and {figure(work.requests_per_second)} requests/s "
            f"at {MAX_UTILISATION:.0%} utilisation"
        )

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

    def layout(
        self, student: Transformer, serving: Serving, work: Workload, row: int
    ) -> tuple[int, int]:
        """Devices of a replica, and replicas on an instance, of one server."""
        rates, _ = self._service.rates(student, serving, work)
        count, kind = len(self._service.kinds), self._service.kind[row]
        found = (np.broadcast_to(each, count)[kind] for each in (rates.devices, rates.replicas))
        devices, replicas = found
        return int(devices), int(replicas)

    def outlook(self, student: Transformer, serving: Serving, work: Workload) -> Outlook:
        """The forecasts that a plan states, for every server."""
        key = (_key(student, serving, work), work.requests_per_second)
        if key not in self._outlooks:
            self._outlooks[key] = self._foresee(student, serving, work)
        return self._outlooks[key]

    def _foresee(self, student: Transformer, serving: Serving, work: Workload) -> Outlook:
        kind = self._service.kind
        plain, _ = self._service.rates(student, serving, work)
        rates, shape = self._corrected(student, serving, plain), shape_of(work)
        first = prefill_seconds(student, shape.prompt_tokens, rates) + rates.request_seconds
        first = first[kind] + self._from_home
        alone = np.ones(len(self._service.kinds))
        step = decode_step_seconds(student, alone, shape.context_tokens, rates)[kind]
        corrections = {
            quantity: self._by_offer(self._corrections(quantity, student, serving, work))
            for quantity in (*PERCENTILES, "prefill_tokens_per_second", "decode_tokens_per_second")
        }
        service = {
            quantity: self._service.seconds(student, work, plain, percentile)[kind]
            for quantity, percentile in PERCENTILES.items()
        }
        latencies = {
            quantity: (seconds + self._round_trip)
            * np.array([found.factor for found in corrections[quantity]])
            * 1e3
            for quantity, seconds in service.items()
        }
        sustained = self._service.sustained(student, serving, work, plain)[kind]
        return Outlook(
            latencies, service, shape.prompt_tokens / first, 1.0 / step, sustained, corrections
        )

    def _corrected(
        self, student: Transformer, serving: Serving, rates: ReplicaRates
    ) -> ReplicaRates:
        """Rates by kind, as runs have measured them."""
        found = corrected(self._types, student, rates, self._devices(student, serving))
        return self._service.by_kind(found)

    def _devices(self, student: Transformer, serving: Serving) -> list[int]:
        """Of one replica, by instance type."""
        return [split for split, _ in self._types.layouts(student, serving.trained_in)]

    def _latency(
        self, quantity: str, student: Transformer, work: Workload, rates: ReplicaRates
    ) -> Floats:
        """Seconds of each server, over the longest distance."""
        service = self._service.seconds(student, work, rates, PERCENTILES[quantity])
        return np.asarray(service[self._service.kind] + self._round_trip, dtype=np.float64)

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
        if quantity in PERCENTILES and self._types.calibration:
            plain, _ = self._service.rates(student, serving, work)
            measured = self._corrected(student, serving, plain)
            before = self._latency(quantity, student, work, plain)
            after = self._latency(quantity, student, work, measured)
            both = np.isfinite(before) & np.isfinite(after)
            expected = np.divide(after, before, out=expected, where=both)
        devices = self._devices(student, serving)
        return self._types.informed(quantity, student, devices, expected)

    def _by_offer(self, per_type: list[Correction]) -> list[Correction]:
        return [per_type[position] for position in self._types.index]


def _key(student: Transformer, serving: Serving, work: Workload) -> Hashable:
    return (student, serving, work.served_prompt_tokens, work.served_output_tokens)
