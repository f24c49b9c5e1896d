"""The hosting mode of every server: the cheapest that the traffic and the constraints allow.

On the same instances the modes differ only in their bill: latency and start-up are the server's. So
the more expensive ones are dominated, meet no limit that the cheapest misses, and are dropped
before any front is computed. A serverless endpoint is not on those instances: it is a row of its
own in the table of servers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from stratos.catalog.servers import Runtime
from stratos.contracts.plan import PlannedHosting
from stratos.hosting.choice import live_kind, modes_compared, modes_considered, reason_for
from stratos.hosting.container import expected_artifact_bytes
from stratos.hosting.modes.interface import HostingMode
from stratos.hosting.offer import Hosted, Offer
from stratos.planning.arrays import Floats, Integers, Mask
from stratos.planning.candidates.pinned import pinned_modes, pinned_serving
from stratos.planning.forecast.llama_cpp import memory_gib
from stratos.planning.forecast.rates import Serving
from stratos.planning.forecast.server_table import (
    ServerRow,
    ServerTable,
    serving_table,
    stand_in_table,
)
from stratos.planning.forecast.transformer import Transformer
from stratos.planning.request import PlanningRequest
from stratos.spec import Spec
from stratos.units import dollars

NO_MODE = -1


def hosting_table(request: PlanningRequest, regions: tuple[str, ...]) -> ServerTable:
    """Every fleet, and stand-ins for the processors that AWS chooses, as far as the modes need
    them."""
    table = ServerTable([])
    modes = pinned_modes(modes_considered(request.spec, request.live_mode), request.pinned)
    on_instances = [mode for mode in modes if mode.on_instances]
    if on_instances:
        for_batches = any(mode.keeps_busy for mode in modes)
        there = _where_any_may_stand(request, regions, on_instances)
        table = serving_table(request.servers, there, request.quotas, for_batches=for_batches)
    if others := [mode for mode in modes if not mode.on_instances]:
        more = stand_in_table(request.servers, _where_any_may_stand(request, regions, others))
        table = ServerTable(table.rows + more.rows, more.rejected | table.rejected)
    return pinned_serving(table, request.pinned)


def _where_any_may_stand(
    request: PlanningRequest, regions: tuple[str, ...], modes: Sequence[HostingMode]
) -> tuple[str, ...]:
    return tuple(
        region for region in regions if any(request.may_stand(mode.name, region) for mode in modes)
    )


@dataclass(frozen=True)
class Billed:
    """Each server in its mode. Arrays run over servers.

    Attributes:
        mode: Position in `ModeOffers.modes`; `NO_MODE` if none is allowed.
    """

    mode: Integers
    usd_per_month: Floats


class ModeOffers:
    """What each mode offers on the servers of one request."""

    def __init__(self, request: PlanningRequest, servers: ServerTable) -> None:
        self._spec, self._live = request.spec, request.live_mode
        self._servers = servers
        considered = modes_considered(request.spec, request.live_mode)
        self.modes = pinned_modes(considered, request.pinned)
        self._bound = request.spec.hosting.named is not None or request.live_mode is not None
        self.keeps_busy = any(mode.keeps_busy for mode in self.modes)
        self._usd_per_hour = servers.usd_per_hour
        self._stand_in = servers.stand_in
        runtimes: list[Runtime] = [row.instance.runtime for row in servers.rows]
        self._runtimes = np.array(runtimes)
        self._kinds = sorted(set(runtimes))
        self._may_stand = [
            np.array([request.may_stand(mode.name, row.region) for row in servers.rows], dtype=bool)
            for mode in self.modes
        ]
        self._parts: dict[float, Spec] = {}
        self._made: dict[tuple[Transformer, Serving, Runtime], dict[HostingMode, Offer]] = {}

    def num_candidates(self, here: Mask) -> int:
        """Some servers times the modes considered on each."""
        stand_ins = int((self._stand_in & here).sum())
        fleets = int(here.sum()) - stand_ins
        return stand_ins + fleets * sum(mode.on_instances for mode in self.modes)

    def cheapest(
        self, student: Transformer, serving: Serving, seconds: Floats, sustained: Floats
    ) -> Billed:
        """The cheapest allowed mode of each server, the first of equals.

        Args:
            seconds: P95 of an answer; infinite where a server is impossible.
            sustained: Requests per second of each server.
        """
        mode = np.full(len(seconds), NO_MODE, dtype=np.int64)
        best = np.full(len(seconds), np.inf)
        for position, offer, rows in self._allowed(student, serving):
            usd = self.usd_on(position, offer, self._usd_per_hour, seconds, sustained)
            allowed = rows & (usd < best)
            mode[allowed], best[allowed] = position, usd[allowed]
        return Billed(mode, best)

    def usd_on(
        self, mode: int, offer: Offer, usd_per_hour: Floats, seconds: Floats, sustained: Floats
    ) -> Floats:
        """A month's dollars of an offer on some servers; infinite where it is not allowed.

        Args:
            mode: Position of the offer's mode.
            seconds: P95 of an answer; infinite where a server is impossible.
            sustained: Requests per second of each server.
        """
        finite = np.isfinite(seconds)
        holds = finite & (seconds <= self._longest(offer))
        if self.modes[mode].on_instances:
            holds &= offer.requests_per_second <= offer.max_utilisation * sustained
        taken = np.where(finite, seconds, 0.0)
        usd = offer.usd_per_month(usd_per_hour, taken, np.where(sustained > 0, sustained, np.nan))
        return np.asarray(np.where(holds, usd, np.inf), dtype=np.float64)

    def offer_under(
        self,
        student: Transformer,
        serving: Serving,
        runtime: Runtime,
        mode: int,
        requests_per_second: float,
    ) -> Offer:
        """A mode's offer for a share of the load."""
        if requests_per_second not in self._parts:
            load = self._spec.load.part(requests_per_second)
            self._parts[requests_per_second] = self._spec.model_copy(update={"load": load})
        hosted = self._hosted(student, serving, runtime)
        return self.modes[mode].offer(replace(hosted, spec=self._parts[requests_per_second]))

    def may_stand_elsewhere(self, mode: int) -> bool:
        """Whether endpoints of a mode may stand in every region."""
        return bool(self._may_stand[mode].all())

    def obstacle(self, student: Transformer, serving: Serving, runtime: Runtime) -> str | None:
        """Why the one mode that is considered cannot host a student on one kind of processor."""
        if not self._bound:
            return None  # real-time instances host everything
        (mode,) = self.modes
        found = self.offers_on(student, serving, runtime)[mode].impossible
        if found is None:
            return None
        named = self._spec.hosting.named
        kind = f"hosting.mode is {named}" if named else live_kind(self._spec, mode.name)
        return f"{kind}, but {found}"

    def slowdown(self, student: Transformer, serving: Serving) -> Floats:
        """How many times slower than the row's server the processors are; 1 except for
        stand-ins."""
        offers = self.offers_on(student, serving, "cpu").values()
        given = [offer.vcpu for offer in offers if offer.vcpu is not None]
        processors = np.array([row.instance.vcpu for row in self._servers.rows], dtype=np.float64)
        slower = np.maximum(1.0, processors / given[0])
        return np.where(self._stand_in, slower, 1.0)

    def planned(
        self,
        student: Transformer,
        serving: Serving,
        row: int,
        mode: HostingMode,
        seconds: Floats,
        sustained: Floats,
    ) -> PlannedHosting:
        """The mode of one server, with the reason in words.

        Args:
            seconds: P95 of an answer on every server.
            sustained: Requests per second of every server.
        """
        clauses = dict(self._told(student, serving, row, seconds, sustained))
        chosen = clauses.pop(mode)
        runtime = self._servers.rows[row].instance.runtime
        others = tuple(clauses.values())
        return PlannedHosting(
            mode=mode.name,
            reason=reason_for(self._spec, self._live, chosen, others),
            instead_of=others,
            cold_start_seconds=self.offers_on(student, serving, runtime)[mode].cold_start_seconds,
        )

    def planned_in(self, regions: str, mode: int, usd_per_month: float) -> PlannedHosting:
        """The same mode in several regions, with the reason in words."""
        found = self.modes[mode]
        told = f"{found.name} in each of {regions}: {dollars(usd_per_month)} a month together"
        return PlannedHosting(mode=found.name, reason=reason_for(self._spec, self._live, told, ()))

    def _told(
        self, student: Transformer, serving: Serving, row: int, seconds: Floats, sustained: Floats
    ) -> Iterator[tuple[HostingMode, str]]:
        """Every mode for one plan: on the plan's server, or on the mode's stand-in in its
        region."""
        server = self._servers.rows[row]
        elsewhere = self.offers_on(student, serving, "cpu")
        for mode, offer in self.offers_on(student, serving, server.instance.runtime).items():
            if mode.on_instances:
                rate = float(sustained[row])
                yield mode, offer.terms(server.usd_per_hour, float(seconds[row]), rate).told
            elif (at := self._stand_in_of(server)) is not None and np.isfinite(seconds[at]):
                price, taken = float(self._usd_per_hour[at]), float(seconds[at])
                there = elsewhere[mode].terms(price, taken, float(sustained[at]))
                at_p95 = f" at a p95 of {1000 * taken:,.0f} ms"
                yield mode, there.told + at_p95 * (at != row and there.impossible is None)
            elif obstacle := elsewhere[mode].impossible or elsewhere[mode].unwanted:
                yield mode, f"{mode.name} ({obstacle})"

    def _stand_in_of(self, server: ServerRow) -> int | None:
        for position in np.flatnonzero(self._stand_in):
            if self._servers.rows[position].region == server.region:
                return int(position)
        return None

    def _allowed(self, student: Transformer, serving: Serving) -> Iterator[tuple[int, Offer, Mask]]:
        """Modes that may be chosen, with the servers that each is for."""
        for runtime in self._kinds:
            offers = self.offers_on(student, serving, runtime)
            for position, mode in enumerate(self.modes):
                offer = offers[mode]
                if offer.impossible or (offer.unwanted and not self._bound):
                    continue
                rows = (self._runtimes == runtime) & (self._stand_in != mode.on_instances)
                yield position, offer, rows & self._may_stand[position]

    def _longest(self, offer: Offer) -> float:
        longest = offer.possible_up_to.seconds
        return longest if self._bound else min(longest, offer.wanted_up_to.seconds)

    def offers_on(
        self, student: Transformer, serving: Serving, runtime: Runtime
    ) -> dict[HostingMode, Offer]:
        """What each mode offers for a student on one kind of processor."""
        key = (student, serving, runtime)
        if key not in self._made:
            hosted = self._hosted(*key)
            self._made[key] = {mode: mode.offer(hosted) for mode in modes_compared(self._spec)}
        return self._made[key]

    def _hosted(self, student: Transformer, serving: Serving, runtime: Runtime) -> Hosted:
        return Hosted(
            self._spec,
            runtime,
            expected_artifact_bytes(
                student.parameters, serving.on_cpus if runtime == "cpu" else "float16"
            ),
            # A container that AWS chooses answers one request at a time.
            memory_gib(student, serving.on_cpus, serving.slot_tokens, slots=1),
        )
