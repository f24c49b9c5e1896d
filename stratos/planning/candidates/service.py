"""How long each kind of fleet takes for a request, wherever it stands: without the network."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace

import numpy as np

from stratos.catalog.servers import Runtime
from stratos.hosting.offer import MAX_UTILISATION
from stratos.planning.arrays import Floats, Integers, Mask
from stratos.planning.candidates.cheapest_mode import ModeOffers
from stratos.planning.forecast.engine import SERVED_BY
from stratos.planning.forecast.rates import Serving, Types, replica_rates
from stratos.planning.forecast.server_table import ServerTable
from stratos.planning.forecast.serving_cost import (
    ReplicaRates,
    RequestShape,
    at_rows,
    capacity,
    enough_slots,
    latency_seconds,
    slower,
)
from stratos.planning.forecast.transformer import Transformer
from stratos.planning.forecast.workload import Workload


@dataclass(frozen=True)
class UnderLoads:
    """What some kinds of fleets reach under several loads: [load, kind].

    Attributes:
        seconds: P95 of an answer where it is made; infinite where the kind is impossible.
        sustained: Requests per second with every slot in use.
        slots: Of a replica.
    """

    seconds: Floats
    sustained: Floats
    slots: Floats


class FleetService:
    """Forecasts by kind of fleet, which is instance type × count: regions share them.

    Attributes:
        kind: Of each server of the table.
        kinds: One server of each kind, by position in the table.
    """

    def __init__(self, servers: ServerTable, mode_offers: ModeOffers) -> None:
        numbers: dict[tuple[str, int, bool], int] = {}
        kind: list[int] = []
        kinds: list[int] = []
        for position, row in enumerate(servers.rows):
            key = (row.instance.instance_type, row.count, row.stand_in)
            if key not in numbers:
                numbers[key] = len(kinds)
                kinds.append(position)
            kind.append(numbers[key])
        self.kind = np.array(kind, dtype=np.int64)
        self.kinds = np.array(kinds, dtype=np.int64)
        self._table = ServerTable([servers.rows[position] for position in kinds])
        self._types = Types(self._table, ())
        self._offers = mode_offers
        self._stand_in, self._counts = self._table.stand_in, self._table.counts
        runtimes = np.array([row.instance.runtime for row in self._table.rows])
        self.on: dict[Runtime, Mask] = {runtime: runtimes == runtime for runtime in SERVED_BY}
        self._held: dict[Hashable, tuple[ReplicaRates, Mask]] = {}
        self._sized: dict[Hashable, tuple[ReplicaRates, Mask]] = {}

    def by_kind(self, rates: ReplicaRates) -> ReplicaRates:
        """With calibration by server turned into calibration by kind."""
        return replace(
            rates,
            prefill_factor=np.asarray(rates.prefill_factor)[self.kinds],
            decode_factor=np.asarray(rates.decode_factor)[self.kinds],
        )

    def on_instances(self, runtime: Runtime) -> Integers:
        """Kinds whose processors are known."""
        return np.flatnonzero(self.on[runtime] & ~self._stand_in)

    def rates(
        self, student: Transformer, serving: Serving, work: Workload
    ) -> tuple[ReplicaRates, Mask]:
        """Rates of every replica with the slots that it is given, and where the model fits."""
        key = (_key(student, serving, work), work.requests_per_second)
        if key not in self._sized:
            self._sized[key] = self._size(student, serving, work)
        return self._sized[key]

    def sustained(
        self, student: Transformer, serving: Serving, work: Workload, rates: ReplicaRates
    ) -> Floats:
        """Requests per second of each fleet with every slot in use."""
        return capacity(student, shape_of(work), rates) * self._counts * rates.replicas

    def seconds(
        self, student: Transformer, work: Workload, rates: ReplicaRates, percentile: float
    ) -> Floats:
        """Of an answer at a percentile."""
        arrivals = self._arrivals(work, rates)
        if self._offers.keeps_busy:
            arrivals = MAX_UTILISATION * capacity(student, shape_of(work), rates)
        none = np.zeros(len(arrivals))
        shape = shape_of(work)
        return latency_seconds(student, shape, arrivals, rates, none, percentile=percentile)

    def under(
        self,
        student: Transformer,
        serving: Serving,
        work: Workload,
        kinds: Integers,
        requests_per_second: Floats,
    ) -> UnderLoads:
        """The same for some kinds under each of several loads, with the slots that each needs."""
        held, possible = self._hold(student, serving, work)
        size = (len(requests_per_second), len(kinds))
        rates = at_rows(held, np.tile(kinds, size[0]))
        counts = np.tile(self._counts[kinds], size[0]) * rates.replicas
        arrivals = np.repeat(requests_per_second, size[1]) / counts
        shape = shape_of(work)
        if self.on["cpu"][kinds].any():  # kinds of one runtime
            slots = enough_slots(student, shape, arrivals, rates)
            rates = replace(rates, slots=slots)
        none = np.zeros(len(arrivals))
        seconds = latency_seconds(student, shape, arrivals, rates, none)
        seconds = np.where(np.tile(possible[kinds], size[0]), seconds, np.inf)
        sustained = capacity(student, shape, rates) * counts
        return UnderLoads(seconds.reshape(size), sustained.reshape(size), rates.slots.reshape(size))

    def _hold(
        self, student: Transformer, serving: Serving, work: Workload
    ) -> tuple[ReplicaRates, Mask]:
        """Rates of every replica with all the slots that it could have."""
        key = _key(student, serving, work)
        if key not in self._held:
            longest = work.served_prompt_tokens + work.served_output_tokens
            self._held[key] = replica_rates(self._types, student, serving, longest)
        return self._held[key]

    def _size(
        self, student: Transformer, serving: Serving, work: Workload
    ) -> tuple[ReplicaRates, Mask]:
        rates, possible = self._hold(student, serving, work)
        if self._stand_in.any():
            rates = slower(rates, self._offers.slowdown(student, serving)[self.kinds])
            # A container answers one request at a time; the endpoint chooses its memory.
            slots = np.where(self._stand_in, 1.0, rates.slots)
            rates, possible = replace(rates, slots=slots), possible | self._stand_in
        rows = self.on_instances("cpu")
        if len(rows) and not self._offers.keeps_busy:
            # vLLM shares its memory among as many requests as come; llama.cpp's slots are fixed.
            arrivals, slots = self._arrivals(work, rates)[rows], rates.slots.copy()
            slots[rows] = enough_slots(student, shape_of(work), arrivals, at_rows(rates, rows))
            rates = replace(rates, slots=slots)
        return rates, possible

    def _arrivals(self, work: Workload, rates: ReplicaRates) -> Floats:
        """Requests per second of one replica."""
        replicas = self._counts * rates.replicas
        return np.where(self._stand_in, 0.0, work.requests_per_second / replicas)


def shape_of(work: Workload) -> RequestShape:
    return RequestShape(work.served_prompt_tokens, work.served_output_tokens)


def _key(student: Transformer, serving: Serving, work: Workload) -> Hashable:
    return (student, serving, work.served_prompt_tokens, work.served_output_tokens)
