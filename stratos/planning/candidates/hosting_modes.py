"""The hosting mode of every server: the cheapest that the traffic and the constraints allow.

On the same instances the modes differ in their bill alone: latency and start-up are the server's.
So the dearer ones are dominated, hold no limit that the cheapest does not, and are left out before
any front. What is not on instances (serverless) is a row of its own among the offers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stratos.catalog.servers import Runtime
from stratos.contracts.plan import PlannedHosting
from stratos.hosting.choice import live_kind, modes_considered, reason_for
from stratos.hosting.offer import Hosted, expected_artifact_bytes, offers_for, serverless_vcpu
from stratos.hosting.offer import Offer as ModeOffer
from stratos.planning.candidates.offers import Offer, Offers, serverless_offers, serving_offers
from stratos.planning.forecast.transformer import Transformer
from stratos.planning.request import PlanningRequest
from stratos.spec import EndpointMode

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
NO_MODE = -1


def endpoint_offers(request: PlanningRequest, regions: tuple[str, ...]) -> Offers:
    """Every fleet, and what stands in for serverless endpoints, as far as the modes need them."""
    found = Offers([])
    modes = modes_considered(request.spec, request.live_mode)
    if set(modes) != {"serverless"}:
        found = serving_offers(request.servers, regions, for_batches="batch" in modes)
    if "serverless" in modes:
        more = serverless_offers(request.servers, regions)
        found = Offers(found.rows + more.rows, more.rejected | found.rejected)
    return found


@dataclass(frozen=True)
class Billed:
    """Each server in its mode. Arrays run over offers.

    Attributes:
        mode: Position in `HostingModes.modes`; `NO_MODE` where none is allowed.
    """

    mode: NDArray[np.int64]
    usd_per_month: Floats


class HostingModes:
    """What the modes cost for one request's offers."""

    def __init__(self, request: PlanningRequest, offers: Offers) -> None:
        self._spec, self._live = request.spec, request.live_mode
        self._offers = offers
        self.modes = modes_considered(request.spec, request.live_mode)
        self._bound = request.spec.hosting.mode != "auto" or request.live_mode is not None
        self._usd_per_hour = offers.usd_per_hour
        self._stand_in = offers.stand_in
        runtimes: list[Runtime] = [row.instance.runtime for row in offers.rows]
        self._runtimes = np.array(runtimes)
        self._kinds = sorted(set(runtimes))
        self._made: dict[tuple[float, Runtime], dict[EndpointMode, ModeOffer]] = {}

    @property
    def num_candidates(self) -> int:
        """Servers times the modes that each is considered in."""
        stand_ins = int(self._stand_in.sum())
        fleets = len(self._offers) - stand_ins
        return stand_ins + fleets * len([mode for mode in self.modes if mode != "serverless"])

    def cheapest(self, student: Transformer, seconds: Floats) -> Billed:
        """The cheapest allowed mode of each server, the first of equals.

        Args:
            seconds: P95 of an answer; infinite where a server cannot be had.
        """
        mode = np.full(len(seconds), NO_MODE, dtype=np.int64)
        best = np.full(len(seconds), np.inf)
        finite = np.isfinite(seconds)
        taken = np.where(finite, seconds, 0.0)
        for position, offer, rows in self._allowed(student):
            usd = offer.usd_per_month(self._usd_per_hour, taken)
            allowed = rows & finite & (seconds <= self._longest(offer)) & (usd < best)
            mode[allowed], best[allowed] = position, usd[allowed]
        return Billed(mode, best)

    def obstacle(self, student: Transformer) -> str | None:
        """Why the one mode that is considered cannot host a student on any server."""
        if not self._bound:
            return None  # an instance that is always there hosts everything
        (mode,) = self.modes
        if mode == "batch":
            return None  # nor does a job refuse anything
        found = [self._mode_offers(student, kind)[mode].impossible for kind in self._kinds]
        if None in found:
            return None
        named = self._spec.hosting.mode != "auto"
        kind = f"hosting.mode is {mode}" if named else live_kind(self._spec, mode)
        return f"{kind}, but {found[0]}"

    def slowdown(self, student: Transformer) -> Floats:
        """How much slower than each server its processors are: 1 but for stand-ins."""
        memory = self._mode_offers(student, "cpu")["serverless"].memory_gib
        assert memory is not None  # a serverless offer always names one
        processors = np.array([row.instance.vcpu for row in self._offers.rows], dtype=np.float64)
        slower = np.maximum(1.0, processors / serverless_vcpu(memory))
        return np.where(self._stand_in, slower, 1.0)

    def planned(
        self, student: Transformer, row: int, mode: EndpointMode, seconds: Floats
    ) -> PlannedHosting:
        """The mode of one server, with the reason in words.

        Args:
            seconds: P95 of an answer on every server.
        """
        clauses = dict(self._told(student, row, seconds))
        chosen = clauses.pop(mode)
        runtime = self._offers.rows[row].instance.runtime
        return PlannedHosting(
            mode=mode,
            reason=reason_for(self._spec, self._live, chosen, clauses.values()),
            cold_start_seconds=self._mode_offers(student, runtime)[mode].cold_start_seconds,
        )

    def _told(
        self, student: Transformer, row: int, seconds: Floats
    ) -> Iterator[tuple[EndpointMode, str]]:
        """Every mode for one plan: on its own server, or on what the mode would be there."""
        server = self._offers.rows[row]
        elsewhere = self._mode_offers(student, "cpu")
        for mode, offer in self._mode_offers(student, server.instance.runtime).items():
            if offer.on_instances:
                yield mode, offer.told(server.usd_per_hour, float(seconds[row]))
            elif (at := self._stand_in_of(server)) is not None and np.isfinite(seconds[at]):
                price, taken = float(self._usd_per_hour[at]), float(seconds[at])
                told = elsewhere[mode].told(price, taken)
                possible = at != row and elsewhere[mode].impossible_at(taken) is None
                yield mode, f"{told} at a p95 of {1000 * taken:,.0f} ms" if possible else told
            elif obstacle := elsewhere[mode].impossible or elsewhere[mode].unwanted:
                yield mode, f"{mode} ({obstacle})"

    def _stand_in_of(self, server: Offer) -> int | None:
        for position in np.flatnonzero(self._stand_in):
            if self._offers.rows[position].region == server.region:
                return int(position)
        return None

    def _allowed(self, student: Transformer) -> Iterator[tuple[int, ModeOffer, Mask]]:
        """Modes that may be chosen, with the servers that each is for."""
        for runtime in self._kinds:
            offers = self._mode_offers(student, runtime)
            for position, mode in enumerate(self.modes):
                if mode == "batch":
                    continue  # `stratos.planning.candidates.batch_side`
                offer = offers[mode]
                if offer.impossible or (offer.unwanted and not self._bound):
                    continue
                yield (
                    position,
                    offer,
                    (self._runtimes == runtime) & (self._stand_in != offer.on_instances),
                )

    def _longest(self, offer: ModeOffer) -> float:
        longest = offer.possible_up_to.seconds
        return longest if self._bound else min(longest, offer.wanted_up_to.seconds)

    def _mode_offers(self, student: Transformer, runtime: Runtime) -> dict[EndpointMode, ModeOffer]:
        key = (student.parameters, runtime)
        if key not in self._made:
            self._made[key] = offers_for(self.hosted(student, runtime))
        return self._made[key]

    def hosted(self, student: Transformer, runtime: Runtime) -> Hosted:
        """A student on one kind of processor, before its artifact is there to be weighed."""
        return Hosted(self._spec, runtime, expected_artifact_bytes(student.parameters))
