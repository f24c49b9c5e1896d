"""Where a plan trains and serves: what it takes, what each origin gets, why other regions lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from stratos.catalog.transfer import has_transfer_price
from stratos.contracts.checkpoint_copies import CHECKPOINT_COPY_SECONDS
from stratos.contracts.plan import PlannedEndpoint, PlannedOrigin, TrainedElsewhere
from stratos.planning.arrays import Floats
from stratos.planning.candidates.pairing import Pairing
from stratos.planning.candidates.pool import Pool
from stratos.planning.candidates.regional import RegionalEndpoint, RegionalFleet
from stratos.planning.candidates.serving_side import NO_FLEET, Outlook
from stratos.planning.candidates.side import Side
from stratos.planning.forecast.elsewhere import waiting_hours
from stratos.planning.forecast.network import round_trip_ms
from stratos.planning.forecast.server_table import ServerRow, ServerTable
from stratos.planning.forecast.transformer import transformer
from stratos.planning.request import PlanningRequest
from stratos.units import figure


@dataclass(frozen=True)
class Places:
    """The regions of one candidate."""

    request: PlanningRequest
    pool: Pool
    row: int

    @property
    def _pairing(self) -> Pairing:
        return self.pool.pairings[int(self.pool.pairing[self.row])]

    @property
    def fleet(self) -> RegionalFleet | None:
        """None with one endpoint."""
        number = int(self.pool.fleet[self.row])
        return None if number == NO_FLEET else self.pool.serving_side.fleets[number]

    def outlook(self, part: RegionalEndpoint | None = None) -> Outlook:
        """Forecasts for one endpoint, under its share of the load; by default all of it."""
        pairing, work = self._pairing, self._pairing.work
        if part is not None:
            work = part.share_of(work)
        side = self.pool.serving_side
        return side.outlook(transformer(pairing.student), pairing.serving, work)

    def latency_ms(self, quantity: str) -> float:
        """A percentile for the origin that is served worst."""
        if self.fleet is None:
            position = int(self.pool.serving_row[self.row])
            return float(self.outlook().latency_ms[quantity][position])
        return max(ms for part in self.fleet.parts for _, ms in self._latencies(quantity, part))

    def origins(self) -> tuple[PlannedOrigin, ...]:
        """What each origin gets; empty if the spec names none."""
        rates = self.request.spec.load.origins
        if rates is None:
            return ()
        found = {
            origin: (self.pool.serving.rows[part.row].region, milliseconds)
            for part in self._endpoints()
            for origin, milliseconds in self._latencies("p95_latency_ms", part)
        }
        distances = self.pool.serving_side.distances
        return tuple(
            PlannedOrigin(
                origin=origin,
                requests_per_second=rate,
                served_in=found[origin][0],
                round_trip_ms=1e3 * distances.seconds(origin, found[origin][0]),
                p95_latency_ms=found[origin][1],
            )
            for origin, rate in rates.items()
        )

    def beyond_home_ms(self) -> float:
        """What its farthest origin has more of the network than a client at home; 0 if less."""
        if self.request.spec.load.origins is None:
            return 0.0
        worst = max(self.origins(), key=lambda found: found.p95_latency_ms)
        home = round_trip_ms(self.request.region, worst.served_in)
        return max(0.0, worst.round_trip_ms - home)

    def more_endpoints(self) -> tuple[PlannedEndpoint, ...]:
        """Beside the one with the most requests."""
        if self.fleet is None:
            return ()
        pairing, side = self._pairing, self.pool.serving_side
        student = transformer(pairing.student)
        return tuple(
            PlannedEndpoint(
                server=self.pool.serving.rows[part.row].server(
                    *side.layout(student, pairing.serving, pairing.work, part.row)
                ),
                slots=int(part.slots),
                usd_per_month=part.usd_per_month,
            )
            for part in self.fleet.parts[1:]
        )

    def elsewhere(self) -> TrainedElsewhere | None:
        """What the training region takes; None for home, if it refused nothing lately."""
        costs, row = self.pool.training_side.elsewhere, int(self.pool.training_row[self.row])
        away, waiting = float(costs.away[row]), float(costs.waiting_seconds[row])
        if not away and not waiting:
            return None
        what = self.pool.training_side.moved(self._pairing)
        seconds = float(self.pool.training_seconds[self.row])
        copied = what.outputs + what.checkpoint * seconds / CHECKPOINT_COPY_SECONDS
        return TrainedElsewhere(
            region=self.pool.training.rows[row].region,
            input_bytes=away * what.inputs,
            output_bytes=away * copied,
            copying_hours=away * what.seconds / 3600,
            usd=float(costs.usd(what, np.array(seconds))[row]),
            waiting_hours=waiting / 3600,
        )

    def caveats(self) -> Iterator[str]:
        """What is bounded and not known about the copies."""
        region = self.pool.training.rows[self.pool.training_row[self.row]].region
        home = self.request.region
        found = self.elsewhere()
        if found is None or not found.input_bytes:
            return
        for source in (home, region):
            if not has_transfer_price(source):
                yield (
                    f"the price of bytes that leave {source} is not known; the dearest of all "
                    "regions is counted"
                )

    def _endpoints(self) -> tuple[RegionalEndpoint, ...]:
        if self.fleet is not None:
            return self.fleet.parts
        rates, row = self.request.origins, self.row
        whole = RegionalEndpoint(
            row=int(self.pool.serving_row[row]),
            origins=tuple(rates),
            requests_per_second=self._pairing.work.requests_per_second,
            usd_per_month=float(self.pool.usd_per_month[row]),
            sustained=float(self.pool.capacity[row]),
            slots=float(self.pool.slots[row]),
        )
        return (whole,)

    def _latencies(self, quantity: str, part: RegionalEndpoint) -> Iterator[tuple[str, float]]:
        outlook, distances = self.outlook(part), self.pool.serving_side.distances
        region = self.pool.serving.rows[part.row].region
        for origin in part.origins:
            trip = distances.seconds(origin, region)
            yield origin, outlook.latency_over(quantity, part.row, trip)

    # --- regions that lost ----------------------------------------------------------------------

    def why_not(self) -> dict[str, str]:
        """Region → why this candidate neither trains nor serves there, or only one of both."""
        trained = dict(self._why_not_trained())
        served = dict(self._why_not_served())
        regions = dict.fromkeys((*trained, *served))
        return {
            region: "; ".join(
                f"{what}: {found[region]}"
                for what, found in (("training", trained), ("serving", served))
                if region in found
            )
            for region in regions
        }

    def _why_not_trained(self) -> Iterator[tuple[str, str]]:
        request, pool = self.request, self.pool
        allowed = request.allowed(request.training_regions)
        chosen = pool.training.rows[pool.training_row[self.row]]
        yield from self._left_out(request.training_regions, allowed)
        if not request.training_regions:
            return
        table = pool.every_training
        side = pool.training_side.on(table).every(self._pairing)
        for region in allowed:
            if region == chosen.region:
                continue
            here = [
                position
                for position, row in enumerate([] if side is None else side.rows)
                if table.rows[row].region == region
            ]
            if side is None or not here:
                yield region, self._no_server(region, table)
                continue
            same = [p for p in here if _alike(table.rows[side.rows[p]], chosen)]
            best = min(same or here, key=lambda p: float(side.values[p, 2]))
            row = table.rows[side.rows[best]]
            other = "" if same else f"no {_named(chosen)}; "
            hours = waiting_hours(request.refusals, row)
            waits = f", {60 * hours:.0f} min of them waiting after recent refusals" * (hours > 0)
            yield (
                region,
                f"{other}{_offer(row, side.values[best])}{waits}; chosen is "
                f"{_offer(chosen, self._trained(side))} in {chosen.region}",
            )

    def _trained(self, every: Side) -> Floats:
        """Error, hours and dollars of the chosen training."""
        table, chosen = self.pool.every_training, self.pool.training.rows
        mine = chosen[self.pool.training_row[self.row]]
        return next(
            values
            for values, row in zip(every.values, every.rows, strict=True)
            if table.rows[row] == mine
        )

    def _why_not_served(self) -> Iterator[tuple[str, str]]:
        request, pool = self.request, self.pool
        allowed = request.allowed(request.serving_regions)
        yield from self._left_out(request.serving_regions, allowed)
        if not request.serving_regions:
            return
        pairing, used = self._pairing, pool.served_in(self.row)
        student, limit = transformer(pairing.student), request.spec.constraints.max_p95_latency_ms
        side = pool.serving_side.every(student, pairing.serving, pairing.work, pairing.served_on)
        for region in allowed:
            if region in used:
                continue
            here = [
                position
                for position, row in enumerate([] if side is None else side.rows)
                if pool.serving.rows[row].region == region
            ]
            if side is None or not here:
                yield region, self._no_server(region, pool.serving)
                continue
            holding = [p for p in here if limit is None or side.values[p, 0] <= limit]
            by = 2 if holding else 0
            best = min(holding or here, key=lambda p: float(side.values[p, by]))
            milliseconds, _, usd = (float(value) for value in side.values[best])
            misses = "" if holding else f", above max_p95_latency_ms {figure(limit or 0.0)}"
            yield (
                region,
                (
                    f"one endpoint there has at best p95 {milliseconds:,.0f} ms for all origins at "
                    f"${usd:,.0f} a month{misses}; chosen are "
                    f"{float(pool.latency_ms[self.row]):,.0f} ms at "
                    f"${float(pool.usd_per_month[self.row]):,.0f}"
                ),
            )

    def _left_out(
        self, known: tuple[str, ...], allowed: tuple[str, ...]
    ) -> Iterator[tuple[str, str]]:
        for region in known:
            if region in self.request.unreached:
                yield region, f"it does not answer: {self.request.unreached[region]}"
            elif region not in allowed:
                yield region, "constraints.regions leaves it out"

    def _bound_to_home(self, region: str) -> str | None:
        """Why no endpoint of this request may be in a region, whatever servers it has."""
        modes = self.pool.serving_side.mode_offers.modes
        if any(self.request.may_stand(mode.name, region) for mode in modes):
            return None
        names = " or ".join(mode.name for mode in modes)
        return f"a model that is hosted as {names} is served in the stack's own region only"

    def _no_server(self, region: str, table: ServerTable) -> str:
        if table is self.pool.serving and (bound := self._bound_to_home(region)):
            return bound
        if any(row.region == region for row in table.rows):
            kind = "CPUs" if self._pairing.served_on == "cpu" else "GPUs"
            served = f" on {kind}" if table is self.pool.serving else ""
            return f"no server there holds the model and the limits{served}"
        quotas = self.request.quotas.get(region)
        if quotas is not None and not any(
            quota.training or quota.spot_training for quota in quotas.values()
        ):
            return "the account's quotas there are 0"
        return "no server there has a price that is good enough to choose by, and an image"


def _alike(one: ServerRow, other: ServerRow) -> bool:
    return (one.instance.instance_type, one.purchase) == (
        other.instance.instance_type,
        other.purchase,
    )


def _offer(row: ServerRow, values: Floats) -> str:
    """A training server with what the jobs take on it."""
    _, hours, usd = (float(value) for value in values)
    return f"{_named(row)} at ${row.usd_per_hour:.3f} an hour, ${usd:.2f} and {hours:.2f} h"


def _named(row: ServerRow) -> str:
    return f"{row.instance.instance_type}{' spot' * (row.purchase == 'spot')}"
