"""The oracle: every candidate evaluated by itself, and domination by definition."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from itertools import permutations, product
from typing import TypeVar

from stratos.hosting.container import expected_artifact_bytes
from stratos.hosting.modes.table import endpoint_modes
from stratos.hosting.monthly import HOURS_PER_MONTH, requests_per_month
from stratos.hosting.offer import Hosted
from stratos.planning.candidates.pairing import Pairing
from stratos.planning.candidates.pool_builder import PoolBuilder
from stratos.planning.candidates.serving_side import ServingSide
from stratos.planning.candidates.training_side import TrainingSide
from stratos.planning.forecast.llama_cpp import memory_gib
from stratos.planning.forecast.server_table import (
    ServerRow,
    ServerTable,
    serving_table,
    stand_in_table,
    training_table,
)
from stratos.planning.forecast.transformer import transformer
from stratos.planning.request import PlanningRequest
from stratos.statistics.wilson import proportion

Objectives = tuple[float, float, float, float]
Item = TypeVar("Item")
_ROUNDING = 1e-9


def feasible_candidates(request: PlanningRequest, pairings: list[Pairing]) -> list[Objectives]:
    """Objectives of every feasible candidate, in every hosting mode of its own.

    Error, p95 ms, hours, dollars over the horizon.
    """
    regions = request.allowed(request.training_regions)
    trainers = training_table(request.servers, regions, request.quotas).rows
    found: list[Objectives] = []
    for pairing in pairings:
        served = [*_single_endpoints(request, pairing), *_several_endpoints(request, pairing)]
        for trainer in trainers:
            training = TrainingSide(request, ServerTable([trainer]), {}, {}).of(pairing)
            if training is None:
                continue
            error, training_hours, usd = (float(v) for v in training.values[0])
            share = float(training.facts[0, 1])
            usd += request.spent_usd
            for latency_ms, starting, month in served:
                hours = training_hours + starting + request.spent_hours
                total = usd + month * pairing.work.horizon_hours / HOURS_PER_MONTH
                if _holds(request, pairing, share, latency_ms, hours, usd, month):
                    found.append((error, latency_ms, hours, total))
    return found


Served = tuple[float, float, float]
"""P95 ms of the origin that is served worst, hours to start, dollars a month."""


def _servers(request: PlanningRequest, pairing: Pairing) -> list[ServerRow]:
    regions = request.allowed(request.serving_regions)
    fleets = serving_table(request.servers, regions, request.quotas).rows
    servers = fleets + stand_in_table(request.servers, regions).rows
    return [row for row in servers if row.instance.runtime == pairing.served_on]


def _single_endpoints(request: PlanningRequest, pairing: Pairing) -> Iterator[Served]:
    for server in _servers(request, pairing):
        for _, found in _endpoints(request, pairing, server):
            yield found


def _several_endpoints(request: PlanningRequest, pairing: Pairing) -> Iterator[Served]:
    """Every partition of the origins, each part to another region, all in one mode."""
    origins = list(request.origins)
    servers = [row for row in _servers(request, pairing) if not row.stand_in]
    regions = sorted({row.region for row in servers})

    @cache
    def serving(part: tuple[str, ...], region: str) -> list[tuple[str, Served]]:
        rates = {origin: request.origins[origin] for origin in part}
        asked, work = _with_load(request, rates), pairing.work
        share = replace(pairing, work=replace(work, requests_per_second=math.fsum(rates.values())))
        here = [row for row in servers if row.region == region]
        return [found for row in here for found in _endpoints(asked, share, row)]

    for parts in partitions(origins):
        for chosen in permutations(regions, len(parts)) if len(parts) > 1 else ():
            options = [
                serving(tuple(part), region) for part, region in zip(parts, chosen, strict=True)
            ]
            for several in product(*options):
                if len({mode for mode, _ in several}) == 1:
                    latency, starting, month = zip(*(served for _, served in several), strict=True)
                    yield max(latency), max(starting), math.fsum(month)


def partitions(items: Sequence[Item]) -> Iterator[list[list[Item]]]:
    """Every way to divide some items into sets."""
    if not items:
        yield []
        return
    first, *rest = items
    for found in partitions(rest):
        yield [[first], *found]
        for position, part in enumerate(found):
            yield [*found[:position], [first, *part], *found[position + 1 :]]


def _with_load(request: PlanningRequest, rates: dict[str, float]) -> PlanningRequest:
    load = request.spec.load
    share = math.fsum(rates.values()) / load.requests_per_second
    mean = load.mean_requests_per_second
    part = load.model_copy(
        update={
            "origins": rates,
            "requests_per_second": math.fsum(rates.values()),
            "mean_requests_per_second": None if mean is None else mean * share,
        }
    )
    return request.model_copy(update={"spec": request.spec.model_copy(update={"load": part})})


def _endpoints(
    request: PlanningRequest, pairing: Pairing, server: ServerRow
) -> Iterator[tuple[str, Served]]:
    """What is reached in each mode that nothing speaks against.

    Each mode is evaluated as if the spec named it: no mode is left out for another.
    """
    student, spec = transformer(pairing.student), request.spec
    serving = pairing.serving
    on_cpus = pairing.served_on == "cpu"
    size = expected_artifact_bytes(student.parameters, serving.on_cpus if on_cpus else "float16")
    taken = memory_gib(student, serving.on_cpus, serving.slot_tokens, 1)
    for mode in endpoint_modes():
        offer = mode.offer(Hosted(spec, server.instance.runtime, size, taken))
        hosting = spec.hosting.model_copy(update={"mode": mode.name})
        named = request.model_copy(update={"spec": spec.model_copy(update={"hosting": hosting})})
        side = ServingSide(named, ServerTable([server]), {})
        served = side.of(student, serving, pairing.work, pairing.served_on)
        if served is None:
            continue
        latency_ms, starting, month = (float(v) for v in served.values[0])
        if offer.obstacle_at(latency_ms / 1000) is None:
            yield mode.name, (latency_ms, starting, month)


def _holds(
    request: PlanningRequest,
    pairing: Pairing,
    share: float,
    latency_ms: float,
    hours: float,
    usd: float,
    month: float,
) -> bool:
    asked = request.spec.constraints
    heldout = request.dataset.num_heldout
    gate = proportion(round(pairing.accuracy(share).hi * heldout), heldout).lo
    pairs = (
        (latency_ms, asked.max_p95_latency_ms),
        (hours, asked.max_training_hours),
        (usd, asked.max_budget_usd),
        (month, asked.max_hosting_usd_per_month),
        (
            1000 * month / requests_per_month(request.spec.load),
            asked.max_usd_per_1000_requests,
        ),
    )
    within = all(limit is None or value <= limit for value, limit in pairs)
    return within and (asked.min_accuracy is None or gate >= asked.min_accuracy)


def front(points: list[Objectives]) -> set[Objectives]:
    """Points that no other point beats or equals everywhere and beats somewhere."""
    return {p for p in points if not any(_dominates(q, p) for q in points)}


def covers(ours: Iterable[Objectives], theirs: Iterable[Objectives]) -> bool:
    """Whether for each of the others some point is nowhere worse, rounding aside."""
    points = list(ours)
    return all(
        any(all(x <= y * (1 + _ROUNDING) for x, y in zip(p, q, strict=True)) for p in points)
        for q in theirs
    )


def _dominates(a: Objectives, b: Objectives) -> bool:
    return a != b and all(x <= y for x, y in zip(a, b, strict=True))


def pairings_of(request: PlanningRequest) -> list[Pairing]:
    """Every pairing, whether or not its front survives: read off the pool."""
    return PoolBuilder(request, ()).build().pairings
