"""Plans for a look before anything is spent: the best ones, or the nearest where none fits."""

from __future__ import annotations

import time

import numpy as np

from stratos.contracts.plan import PlanSet
from stratos.errors import NoFeasiblePlan
from stratos.planning.candidates.pool_builder import PoolBuilder
from stratos.planning.choose import plan_before_probing
from stratos.planning.explain import nearest, unattainable
from stratos.planning.limits import limits_of
from stratos.planning.plan_maker import PlanMaker
from stratos.planning.request import PlanningRequest
from stratos.planning.verdict import verdicts


def plan_or_nearest(request: PlanningRequest) -> PlanSet:
    """What `plan_before_probing` chooses; where nothing fits, the plans that miss least.

    Raises:
        NoFeasiblePlan: if there is no candidate at all, as without a server or a teacher.
    """
    try:
        return plan_before_probing(request)
    except NoFeasiblePlan:
        return nearest_plans(request)


def nearest_plans(request: PlanningRequest) -> PlanSet:
    """The plans that need the smallest joint relaxations, the nearest first.

    Raises:
        NoFeasiblePlan: if there is no candidate at all.
    """
    started = time.perf_counter()
    pool = PoolBuilder(request, ()).build()
    limits = limits_of(request, pool)
    finite = np.flatnonzero(np.isfinite(pool.latency_ms))
    if not len(finite):
        raise NoFeasiblePlan(
            "no server that could be had answers the declared load; lower load.requests_per_second"
        )
    rows = finite[nearest([limit.at(finite) for limit in limits])]
    maker = PlanMaker(request, pool, limits)
    plans = tuple(maker.plan(int(row)) for row in rows)
    ruled_out = frozenset(limit.name for limit in limits if not limit.holds[rows[0]])
    return PlanSet(
        chosen=plans[0],
        fallbacks=(),
        alternatives={},
        front=plans,
        front_size=len(plans),
        num_candidates=pool.num_candidates,
        binding=tuple(limit.name for limit in limits if not limit.holds.any()),
        rejected=dict(sorted(pool.rejected.items())),
        verdicts=verdicts(request, plans[0], ruled_out),
        infeasible=unattainable(limits),
        seconds=round(time.perf_counter() - started, 4),
    )
