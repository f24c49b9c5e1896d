"""Fleets over several regions: an endpoint in each, sized for the origins that it serves.

All endpoints of a fleet have one mode, on instances of one kind of processor; instance type and
count are each region's own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from stratos.catalog.servers import Runtime
from stratos.planning.arrays import Floats, Integers
from stratos.planning.candidates.cheapest_mode import ModeOffers
from stratos.planning.candidates.distances import Distances
from stratos.planning.candidates.over_regions import (
    Choices,
    OverRegions,
    cheapest_over_regions,
    num_over_regions,
)
from stratos.planning.candidates.service import FleetService, UnderLoads
from stratos.planning.forecast.rates import Serving
from stratos.planning.forecast.server_table import ServerTable
from stratos.planning.forecast.transformer import Transformer
from stratos.planning.forecast.workload import Workload


@dataclass(frozen=True)
class RegionalEndpoint:
    """One endpoint of a fleet.

    Attributes:
        row: Of its server in the table.
        origins: That it serves.
        sustained: Requests per second that it could take.
        slots: Requests that a replica answers at once.
    """

    row: int
    origins: tuple[str, ...]
    requests_per_second: float
    usd_per_month: float
    sustained: float
    slots: float

    def share_of(self, work: Workload) -> Workload:
        """The workload with the requests that fall to this endpoint."""
        return replace(work, requests_per_second=self.requests_per_second)


@dataclass(frozen=True)
class RegionalFleet:
    """Endpoints in different regions.

    Attributes:
        seconds: P95 of the origin that is served worst.
        mode: By its position among those considered.
        parts: The one with the most requests first.
    """

    seconds: float
    usd_per_month: float
    mode: int
    parts: tuple[RegionalEndpoint, ...]

    @property
    def main(self) -> RegionalEndpoint:
        return self.parts[0]


@dataclass(frozen=True)
class UnderEveryLoad:
    """One student as it is served, and the kinds of fleets that could do it.

    Attributes:
        load_of: Position of each set's load in `under`.
        factors: Calibration of latencies: [region, kind].
    """

    student: Transformer
    serving: Serving
    runtime: Runtime
    kinds: Integers
    under: UnderLoads
    load_of: Integers
    factors: Floats


class Regional:
    """The fleets over several regions of one request.

    Args:
        place: Region of each server, by its number in `distances`.
    """

    def __init__(
        self,
        servers: ServerTable,
        service: FleetService,
        mode_offers: ModeOffers,
        distances: Distances,
        place: Integers,
    ) -> None:
        self._service, self._offers, self._distances = service, mode_offers, distances
        self._rates = distances.rates()
        size = (len(distances.regions), len(service.kinds))
        self._usd_per_hour = np.full(size, np.inf)
        self._usd_per_hour[place, service.kind] = servers.usd_per_hour
        self._row = np.zeros(size, dtype=np.int64)
        self._row[place, service.kind] = np.arange(len(place))
        self._modes = [
            position
            for position, mode in enumerate(mode_offers.modes)
            if mode.on_instances
            and not mode.keeps_busy
            and mode_offers.may_stand_elsewhere(position)
        ]
        self._apart = len(distances.regions) > 1 and len(distances.origins) > 1

    def num_fleets(self, runtime: Runtime) -> int:
        """Over two regions and more, in every mode."""
        if not self._apart:
            return 0
        offered = np.isfinite(self._usd_per_hour[:, self._service.on_instances(runtime)])
        per_region = [int(count) for count in offered.sum(axis=1)]
        return len(self._modes) * num_over_regions(per_region, len(self._distances.origins))

    def fleets(
        self,
        student: Transformer,
        serving: Serving,
        work: Workload,
        runtime: Runtime,
        factors: Floats,
    ) -> list[RegionalFleet]:
        """Those that no other of the same mode beats.

        Args:
            factors: Calibration of latencies, by server.
        """
        if not self._apart or not len(self._service.on_instances(runtime)):
            return []
        asked = self.asked(student, serving, work, runtime, factors)
        return [
            self._fleet(asked, fleet, choices, mode)
            for mode in self._modes
            for choices in (self.choices(asked, mode),)
            for fleet in cheapest_over_regions(choices)
        ]

    def asked(
        self,
        student: Transformer,
        serving: Serving,
        work: Workload,
        runtime: Runtime,
        factors: Floats,
    ) -> UnderEveryLoad:
        """What kinds of fleets reach for one student under the load of every set of origins."""
        kinds = self._service.on_instances(runtime)
        rates, load_of = np.unique(self._rates, return_inverse=True)
        under = self._service.under(student, serving, work, kinds, rates)
        there = factors[self._row[:, kinds]]
        return UnderEveryLoad(student, serving, runtime, kinds, under, load_of, there)

    def choices(self, asked: UnderEveryLoad, mode: int) -> list[Choices]:
        """Endpoints for every set of origins, at the position of its bits less one."""
        return [
            self._choices(asked, mode, int(load), origins)
            for origins, load in enumerate(asked.load_of, start=1)
        ]

    def _choices(self, asked: UnderEveryLoad, mode: int, load: int, origins: int) -> Choices:
        """Endpoints that could serve a set of origins: of each region those on its front."""
        offer = self._offers.offer_under(
            asked.student, asked.serving, asked.runtime, mode, self._rates[origins - 1]
        )
        trips = self._distances.farthest(origins)[:, None]
        seconds = (asked.under.seconds[load] + trips) * asked.factors
        usd = self._offers.usd_on(
            mode,
            offer,
            self._usd_per_hour[:, asked.kinds],
            seconds,
            np.broadcast_to(asked.under.sustained[load], seconds.shape),
        )
        order = self._fastest_first(asked, seconds, load)
        usd = np.take_along_axis(usd, order, axis=1)
        before = np.minimum.accumulate(usd, axis=1)[:, :-1]
        before = np.column_stack([np.full(len(usd), np.inf), before])
        region, position = np.nonzero(usd < before)
        kind = order[region, position]
        return Choices(region, seconds[region, kind], usd[region, position], kind)

    @staticmethod
    def _fastest_first(asked: UnderEveryLoad, seconds: Floats, load: int) -> Integers:
        """Kinds of each region in order; the distance alone changes none."""
        if np.ptp(asked.factors) > 0:
            return np.argsort(seconds, axis=1, kind="stable")
        order = np.argsort(asked.under.seconds[load], kind="stable")
        return np.broadcast_to(order, seconds.shape)

    def _fleet(
        self, asked: UnderEveryLoad, found: OverRegions, choices: list[Choices], mode: int
    ) -> RegionalFleet:
        parts = []
        for origins, at in found.parts:
            chosen, load = choices[origins - 1], asked.load_of[origins - 1]
            region, kind = int(chosen.region[at]), int(chosen.row[at])
            part = RegionalEndpoint(
                row=int(self._row[region, asked.kinds[kind]]),
                origins=self._distances.names(origins),
                requests_per_second=float(self._rates[origins - 1]),
                usd_per_month=float(chosen.usd[at]),
                sustained=float(asked.under.sustained[load, kind]),
                slots=float(asked.under.slots[load, kind]),
            )
            parts.append(part)
        parts.sort(key=lambda part: -part.requests_per_second)
        return RegionalFleet(found.latency, found.usd, mode, tuple(parts))
