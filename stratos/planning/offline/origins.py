"""The fleet for traffic from several regions: `stratos plan --origins`.

Student and precision are the plan's; only the places of its replicas are chosen anew.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from stratos.catalog.model_card import ModelCard
from stratos.contracts.plan import Plan
from stratos.errors import NoFeasiblePlan
from stratos.frozen import FrozenModel
from stratos.planning.forecast.rates import Serving
from stratos.planning.forecast.replica import cpu_precision
from stratos.planning.forecast.serving_cost import RequestShape
from stratos.planning.forecast.sizing import Requests
from stratos.planning.forecast.transformer import transformer
from stratos.planning.forecast.workload import workload_of
from stratos.planning.front import compromise, non_dominated, normalised
from stratos.planning.offline.fleet import FleetProblem, MultiRegionFleet, plan_fleets
from stratos.planning.request import PlanningRequest
from stratos.regions import known_regions
from stratos.units import figure

_LEAST_SPAN = np.log([2.0, 2.0])
"""Of p95 and dollars: a factor of two, as for plans (`stratos.planning.choose`)."""
_POPULATION, _GENERATIONS = 100, 150


class Replicas(FrozenModel):
    region: str
    instance_type: str
    count: int


class OriginLatency(FrozenModel):
    origin: str
    requests_per_second: float
    p95_latency_ms: float


class FleetPlan(FrozenModel):
    """Replicas over regions, what each origin gets, and the whole front they were chosen from."""

    replicas: tuple[Replicas, ...]
    origins: tuple[OriginLatency, ...]
    usd_per_month: float
    front: tuple[tuple[float, float], ...]
    """Worst p95 (ms) and dollars a month of every fleet on the front, cheapest first."""


def read_origins(text: str) -> dict[str, float]:
    """Read `us-east-1=5,eu-west-1=3`: region and requests per second.

    Raises:
        ValueError: if it is not in this form, or the place of a region is unknown.
    """
    origins: dict[str, float] = {}
    for part in text.split(","):
        region, _, rate = (piece.strip() for piece in part.partition("="))
        try:
            value = float(rate)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and value > 0) or region in origins:
            raise ValueError(
                f"{part.strip()!r} is no origin; give each region once with its requests per "
                "second, as us-east-1=5,eu-west-1=3"
            )
        if region not in known_regions():
            raise ValueError(f"{region!r} is none of {', '.join(known_regions())}")
        origins[region] = value
    return origins


def plan_for_origins(request: PlanningRequest, plan: Plan, origins: dict[str, float]) -> FleetPlan:
    """Choose replicas for a plan's student: the cheapest fleet that meets the latency limit.

    Without a limit it is the knee of the front of latency against cost. Replicas may run in
    `constraints.regions`, or by default at the origins.

    Raises:
        NoFeasiblePlan: with the best attainable fleets, if none meets the limits.
    """
    limits = request.spec.constraints
    fleets = plan_fleets(
        _problem(request, plan, origins), population=_POPULATION, generations=_GENERATIONS
    )
    if not fleets:
        raise NoFeasiblePlan(
            f"no fleet serves {figure(sum(origins.values()))} requests/s from "
            f"{', '.join(origins)}. Allow more regions in constraints.regions, or a smaller student"
        )
    latency = limits.max_p95_latency_ms or math.inf
    usd = limits.max_hosting_usd_per_month or math.inf
    holding = [f for f in fleets if f.p95_latency_ms <= latency and f.usd_per_month <= usd]
    if not holding:
        fastest, cheapest = fleets[-1], fleets[0]
        raise NoFeasiblePlan(
            f"no fleet holds p95 <= {latency:,.0f} ms for {', '.join(origins)} at "
            f"<= {usd:,.0f} USD a month. The fastest has {fastest.p95_latency_ms:,.0f} ms at "
            f"{fastest.usd_per_month:,.0f} USD, the cheapest {cheapest.p95_latency_ms:,.0f} ms at "
            f"{cheapest.usd_per_month:,.0f} USD. Raise max_p95_latency_ms or "
            "max_hosting_usd_per_month, or allow more regions"
        )
    chosen = holding[0] if math.isfinite(latency) else _knee(holding)
    return FleetPlan(
        replicas=tuple(
            Replicas(region=region, instance_type=name, count=count)
            for region, name, count in chosen.replicas
        ),
        origins=tuple(
            OriginLatency(
                origin=origin, requests_per_second=origins[origin], p95_latency_ms=milliseconds
            )
            for origin, milliseconds in chosen.origin_p95_ms
        ),
        usd_per_month=chosen.usd_per_month,
        front=tuple((fleet.p95_latency_ms, fleet.usd_per_month) for fleet in fleets),
    )


def _problem(request: PlanningRequest, plan: Plan, origins: dict[str, float]) -> FleetProblem:
    card = next(card for card in request.students if card.name == plan.student)
    work = workload_of(request, None, student=card)
    shape = RequestShape(work.served_prompt_tokens, work.served_output_tokens)
    regions = request.spec.constraints.regions or tuple(origins)
    student = transformer(card)
    serving = _serving(request, plan, card)
    try:
        every = FleetProblem(request.servers, regions, student, serving, shape, origins)
    except ValueError as error:
        raise NoFeasiblePlan(f"{error}; allow more regions in constraints.regions") from error
    limit = request.spec.constraints.max_hosting_usd_per_month or math.inf
    names = worthwhile(every, limit)
    if not names:
        raise NoFeasiblePlan(
            f"no server in {', '.join(regions)} costs at most {limit:,.0f} USD a month; raise "
            "max_hosting_usd_per_month"
        )
    kept = tuple(row for row in request.servers.instance_types if row.instance_type in names)
    servers = request.servers.model_copy(update={"instance_types": kept})
    return FleetProblem(servers, regions, student, serving, shape, origins)


def _serving(request: PlanningRequest, plan: Plan, card: ModelCard) -> Serving:
    """As the plan serves the student; in full on CPUs if the plan serves it on GPUs."""
    engine = plan.engine
    in_llama_cpp = engine is not None and engine.name == "llama_cpp"
    requests = Requests(request.spec, request.dataset)
    slot_tokens = requests.context_tokens(card, "cpu" if in_llama_cpp else "cuda")
    on_cpus = cpu_precision(engine.precision) if engine and in_llama_cpp else "float16"
    return Serving(plan.precision, on_cpus, slot_tokens)


def worthwhile(problem: FleetProblem, max_usd_per_month: float = math.inf) -> set[str]:
    """The types that no other beats in price, latency and price per request in some region.

    Types of which a single instance is too expensive are dropped. A search over a few types finds
    more in the same time than one over the whole catalog.
    """
    facts, names = problem.facts, set[str]()
    for region in {pool.region for pool in problem.pools}:
        here = [
            i
            for i, pool in enumerate(problem.pools)
            if pool.region == region and facts[i, 0] <= max_usd_per_month
        ]
        front = non_dominated(facts[here])
        names |= {problem.pools[here[row]].instance.instance_type for row in front}
    return names


def _knee(fleets: Sequence[MultiRegionFleet]) -> MultiRegionFleet:
    points = np.log([[fleet.p95_latency_ms, fleet.usd_per_month] for fleet in fleets])
    return fleets[compromise(normalised(points, _LEAST_SPAN))]
