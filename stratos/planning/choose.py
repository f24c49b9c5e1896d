"""The planner's two passes: before money is spent, and after the candidates were probed."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from stratos.contracts.jobs import ProbeResult
from stratos.contracts.match import FULL_PRECISION
from stratos.contracts.plan import Matching, Plan, PlanSet
from stratos.errors import NoFeasiblePlan
from stratos.planning.arrays import Floats, Integers, Mask
from stratos.planning.candidates.pool import Pool
from stratos.planning.candidates.pool_builder import PoolBuilder
from stratos.planning.explain import explanation, why_precision
from stratos.planning.front import compromise, non_dominated, normalised, scores
from stratos.planning.limits import MEASURED, Limit, expected_to_hold, feasible, limits_of
from stratos.planning.places import Places
from stratos.planning.plan_maker import PlanMaker
from stratos.planning.request import PlanningRequest
from stratos.planning.verdict import verdicts
from stratos.spec import Preferences, Spec

MAX_FRONT = 500
MAX_FALLBACKS = 8
LEAST_SPAN = np.array([0.1, np.log(2), np.log(2), np.log(2)])
"""In the order of `Pool.objectives`, as scored."""


def plan_before_probing(request: PlanningRequest) -> PlanSet:
    """Choose on priors: what to probe, and where it would run.

    Raises:
        NoFeasiblePlan: if nothing meets every hard constraint; names the nearest plans.
    """
    plans, _ = _choose(request, (), frozenset())
    return plans


def plan_after_probing(
    request: PlanningRequest,
    probes: Sequence[ProbeResult],
    excluded_students: frozenset[str] = frozenset(),
) -> Matching:
    """Choose again on measurements, without students that already missed their gate.

    Raises:
        NoFeasiblePlan: if nothing meets every hard constraint; names the nearest plans.
    """
    plans, reason = _choose(request, probes, excluded_students)
    chosen = plans.chosen
    assert chosen.strategy is not None  # every candidate of this pass has a probed teacher
    return Matching(
        plan=chosen,
        strategy=chosen.strategy,
        reason=reason,
        plans=plans,
        overturned=_overturned(request, chosen),
    )


def shortlist(request: PlanningRequest, limit: int = 3) -> tuple[dict[str, Plan], dict[str, Plan]]:
    """Teachers and students worth a probe, best first, each with the best plan that uses it.

    A prior is no reason to leave a model out, so a model counts even if another dominates it.

    Raises:
        NoFeasiblePlan: if nothing meets every hard constraint.
    """
    pool = PoolBuilder(request, ()).build()
    limits = limits_of(request, pool)
    rows = _feasible_rows(pool, limits)
    scaled = scaled_points(counted(pool.objectives[rows], enough_ms(request.spec)))
    order = np.argsort(-scores(scaled, weights_of(request.spec.preferences)), kind="stable")
    ranked = rows[order]
    _, firsts = np.unique(pool.pairing[ranked], return_index=True)
    teachers: dict[str, int] = {}
    students: dict[str, int] = {}
    for row in ranked[np.sort(firsts)]:
        pairing = pool.pairings[pool.pairing[row]]
        teachers.setdefault(pairing.teacher.name, int(row))
        students.setdefault(pairing.student.name, int(row))
    maker = PlanMaker(request, pool, limits)

    def best(found: dict[str, int]) -> dict[str, Plan]:
        return {name: maker.plan(row) for name, row in list(found.items())[:limit]}

    return best(teachers), best(students)


def weights_of(preferences: Preferences) -> Floats:
    """In the order of `Pool.objectives`."""
    return np.array([preferences.accuracy, preferences.latency, preferences.time, preferences.cost])


def enough_ms(spec: Spec) -> float | None:
    """The p95 below which nothing is gained; None where every millisecond counts.

    The 99th percentile is not forecast: its limit says nothing about the 95th.
    """
    counts = spec.preferences.latency_below_limit == "counts"
    return None if counts else spec.constraints.max_p95_latency_ms


def counted(objectives: Floats, enough: float | None) -> Floats:
    """Objectives as they count in the choice: a p95 below what is enough as if it were that."""
    if enough is None:
        return objectives
    points = objectives.copy()
    points[:, 1] = np.maximum(points[:, 1], enough)
    return points


def scaled_points(objectives: Floats) -> Floats:
    """Objectives as they are scored: error as it is, the rest by logarithm, then normalised.

    Doubling the latency, time or cost is equally bad at any level. A range narrower than 10 points
    of accuracy, or a factor of 2, does not count in full.
    """
    points = np.array(objectives, dtype=np.float64)
    points[:, 1:] = np.log(np.maximum(points[:, 1:], 1e-9))
    return normalised(points, LEAST_SPAN)


def _choose(
    request: PlanningRequest,
    probes: Sequence[ProbeResult],
    excluded_students: frozenset[str],
) -> tuple[PlanSet, str]:
    started = time.perf_counter()
    pool = PoolBuilder(request, probes, excluded_students).build()
    limits = limits_of(request, pool)
    rows = _feasible_rows(pool, limits)
    likely = expected_to_hold(limits, len(pool))
    front = ranked_front(pool, rows, request.spec, likely)
    maker = PlanMaker(request, pool, limits)
    made = [maker.plan(int(row)) for row in front[:MAX_FRONT]]
    made[0] = made[0].model_copy(
        update={"precision_reason": why_precision(request, pool, int(front[0]))}
    )
    chosen = made[0]
    alternatives = {
        name: chosen if row == front[0] else maker.plan(row)
        for name, row in _alternatives(pool, front, request.spec, likely).items()
    }
    if chosen.engine is not None and chosen.engine.is_quantised:
        every = pool
        if request.spec.hosting.precision != "auto" or request.pinned is not None:
            every = PoolBuilder(in_any_precision(request), probes, excluded_students).build()
        full = in_full_precision(request, every, pool.trained(int(front[0])), chosen.regions)
        alternatives |= {} if full is None else {FULL_PRECISION: full}
    plans = PlanSet(
        chosen=chosen,
        fallbacks=tuple(_fallbacks(made)),
        alternatives=alternatives,
        front=tuple(made),
        front_size=len(front),
        num_candidates=pool.num_candidates,
        binding=_binding(pool, limits, request.spec),
        rejected=dict(sorted(pool.rejected.items())),
        regions=Places(request, pool, int(front[0])).why_not(),
        verdicts=verdicts(request, chosen),
        seconds=round(time.perf_counter() - started, 4),
    )
    return plans, pool.pairings[pool.pairing[front[0]]].reason


def _feasible_rows(pool: Pool, limits: list[Limit]) -> Integers:
    rows = np.flatnonzero(feasible(limits, len(pool)) & np.isfinite(pool.latency_ms))
    if not len(rows):
        raise NoFeasiblePlan(explanation(limits, pool))
    return rows


def ranked_front(pool: Pool, rows: Integers, spec: Spec, likely: Mask | None = None) -> Integers:
    """Non-dominated rows, best score first; equal scores in a fixed order.

    Whatever counts, the front holds the fastest plans; of equal scores the faster plan is first.

    Args:
        likely: Candidates that are expected to hold every constraint: they come before all others.
    """
    objectives = pool.objectives
    front = rows[non_dominated(objectives[rows])]
    points = counted(objectives[front], enough_ms(spec))
    achieved = scores(scaled_points(points), weights_of(spec.preferences))
    every = scaled_points(objectives[front])
    even = scores(every, np.ones(every.shape[1]))
    missing = np.zeros(len(front), dtype=np.bool_) if likely is None else ~likely[front]
    return np.asarray(front[np.lexsort((front, -even, -achieved, missing))], dtype=np.int64)


def in_any_precision(request: PlanningRequest) -> PlanningRequest:
    """The same, if no precision had been named."""
    spec = request.spec
    hosting = spec.hosting.model_copy(update={"precision": "auto"})
    pinned = request.pinned and request.pinned.model_copy(update={"engine": None})
    return request.model_copy(
        update={"spec": spec.model_copy(update={"hosting": hosting}), "pinned": pinned}
    )


def in_full_precision(
    request: PlanningRequest, pool: Pool, trained: tuple[object, ...], regions: tuple[str, ...]
) -> Plan | None:
    """The best plan that serves the outcome of one training unquantised; None if there is none.

    Endpoints stay in their regions. If none holds every limit, the plan may miss those that are
    measured before it is in service, but no other: nothing would notice a month above its price.
    """
    limits = limits_of(request, pool)
    holds = feasible([limit for limit in limits if limit.name not in MEASURED], len(pool))
    finite = np.isfinite(pool.latency_ms)
    rows = np.flatnonzero(pool.serves_in_full(trained, regions) & holds & finite)
    if not len(rows):
        return None
    missed = sum((limit.violation() for limit in limits), np.zeros(len(pool)))
    rows = rows[missed[rows] == missed[rows].min()]
    best = ranked_front(pool, rows, request.spec)[0]
    return PlanMaker(request, pool, limits).plan(int(best))


def _alternatives(pool: Pool, front: Integers, spec: Spec, likely: Mask) -> dict[str, int]:
    """Named extremes of the front, ties to the better score.

    A plan that is expected to miss a constraint is no example of accuracy: the best of such plans
    is only the nearest.
    """

    def least(values: Floats) -> int:
        return int(front[np.argmin(values[front])])

    best = least(pool.error)
    points = counted(pool.objectives[front], enough_ms(spec))
    return {
        "cheapest": least(pool.total_usd),
        "fastest": least(pool.latency_ms),
        "most_accurate" if likely[best] else "nearest_to_min_accuracy": best,
        "soonest": least(pool.hours),
        "knee": int(front[compromise(scaled_points(points))]),
    }


def _fallbacks(ranked: list[Plan]) -> list[Plan]:
    """The next best plans with another server or model: the same one would fail the same way."""
    chosen = ranked[0]
    seen = {_parts(chosen)}
    found = []
    # First the same models elsewhere (a capacity error), then other models (a missed gate).
    same = [p for p in ranked if (p.teacher, p.student) == (chosen.teacher, chosen.student)]
    for plan in [*same, *ranked]:
        if _parts(plan) not in seen:
            seen.add(_parts(plan))
            found.append(plan)
    return found[:MAX_FALLBACKS]


def _parts(plan: Plan) -> tuple[object, ...]:
    training, serving = plan.training, plan.serving
    return (
        plan.teacher,
        plan.student,
        (training.instance_type, training.region, training.purchase),
        (serving.instance_type, plan.regions, plan.hosting.mode),
    )


def _binding(pool: Pool, limits: list[Limit], spec: Spec) -> tuple[str, ...]:
    """Constraints without which a plan that they rule out would have been chosen."""
    names = []
    for limit in limits:
        if limit.holds.all():
            continue
        others = [other for other in limits if other is not limit]
        rows = np.flatnonzero(feasible(others, len(pool)))
        free = spec.model_copy(
            update={"constraints": spec.constraints.model_copy(update={limit.name: None})}
        )
        best = ranked_front(pool, rows, free, expected_to_hold(others, len(pool)))[0]
        if not limit.holds[best]:
            names.append(limit.name)
    return tuple(names)


def _overturned(request: PlanningRequest, chosen: Plan) -> str | None:
    """What the probes changed against the plan made on priors."""
    try:
        first = plan_before_probing(request).chosen
    except NoFeasiblePlan:
        return "on priors no plan was feasible; the probes found one"
    changes = [
        f"{what}: {before} → {after}"
        for what, before, after in (
            ("teacher", first.teacher, chosen.teacher),
            ("student", first.student, chosen.student),
            ("method", first.method, chosen.method),
            ("training server", first.training.instance_type, chosen.training.instance_type),
            ("training region", first.training.region, chosen.training.region),
            ("hosting", first.hosting.mode, chosen.hosting.mode),
            ("endpoint server", first.serving.instance_type, chosen.serving.instance_type),
            ("endpoint regions", ", ".join(first.regions), ", ".join(chosen.regions)),
            ("served precision", _precision(first), _precision(chosen)),
        )
        if before != after
    ]
    if not changes:
        return None
    return (
        f"the probes changed {'; '.join(changes)} (expected accuracy was "
        f"{first.accuracy.value:.0%}, is {chosen.accuracy.value:.0%})"
    )


def _precision(plan: Plan) -> str | None:
    return None if plan.engine is None else plan.engine.precision
