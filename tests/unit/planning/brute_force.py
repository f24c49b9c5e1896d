"""The oracle: every candidate evaluated by itself, and domination by definition."""

from __future__ import annotations

from itertools import product

from stratos.planning.candidates import Candidates
from stratos.planning.group import Group
from stratos.planning.offers import Offers, serving_offers, training_offers
from stratos.planning.request import PlanningRequest
from stratos.planning.serving_side import ServingSide
from stratos.planning.training_cost import HOURS_PER_MONTH
from stratos.planning.training_side import TrainingSide
from stratos.planning.transformer import transformer
from stratos.scoring.wilson import proportion

Objectives = tuple[float, float, float, float]


def feasible_candidates(request: PlanningRequest, groups: list[Group]) -> list[Objectives]:
    """Objectives of every feasible candidate: error, p95 ms, hours, dollars over the horizon."""
    regions = request.spec.constraints.regions or (request.region,)
    trainers = training_offers(request.servers, regions).rows
    servers = serving_offers(request.servers, regions).rows
    found: list[Objectives] = []
    for group, trainer, server in product(groups, trainers, servers):
        training = TrainingSide(request, Offers([trainer]), {}, {}).of(group)
        shape = transformer(group.student)
        serving = ServingSide(request, Offers([server]), {}).of(shape, group.precision, group.work)
        if training is None or serving is None:
            continue
        error, hours, usd = (float(v) for v in training.values[0])
        latency_ms, starting, month = (float(v) for v in serving.values[0])
        share = float(training.facts[0, 1])
        hours += starting + request.spent_hours
        usd += request.spent_usd
        total = usd + month * group.work.horizon_hours / HOURS_PER_MONTH
        if _holds(request, group, share, latency_ms, hours, usd, month):
            found.append((error, latency_ms, hours, total))
    return found


def _holds(
    request: PlanningRequest,
    group: Group,
    share: float,
    latency_ms: float,
    hours: float,
    usd: float,
    month: float,
) -> bool:
    asked = request.spec.constraints
    heldout = request.dataset.num_heldout
    gate = proportion(round(group.accuracy(share).hi * heldout), heldout).lo
    pairs = (
        (latency_ms, asked.max_p95_latency_ms),
        (hours, asked.max_training_hours),
        (usd, asked.max_budget_usd),
        (month, asked.max_hosting_usd_per_month),
    )
    within = all(limit is None or value <= limit for value, limit in pairs)
    return within and (asked.min_accuracy is None or gate >= asked.min_accuracy)


def front(points: list[Objectives]) -> set[Objectives]:
    """Points that no other point beats or equals everywhere and beats somewhere."""
    return {p for p in points if not any(_dominates(q, p) for q in points)}


def _dominates(a: Objectives, b: Objectives) -> bool:
    return a != b and all(x <= y for x, y in zip(a, b, strict=True))


def groups_of(request: PlanningRequest) -> list[Group]:
    """Every group, whether or not its front survives: read off the pool."""
    return Candidates(request, ()).pool().groups
