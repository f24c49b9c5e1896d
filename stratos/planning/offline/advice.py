"""What to change where no plan holds every constraint: each change was planned with, and does.

Everything that can move is tried: each constraint alone and the nearest ones together, the load, a
cold start, the hosting mode, the models, the regions. A change that does not help is not told.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from stratos.contracts.plan import PlanSet
from stratos.contracts.plan_document import Advice, Lever
from stratos.errors import StratosError
from stratos.hosting.modes.table import told_endpoint
from stratos.planning.candidates.pool import Pool
from stratos.planning.candidates.pool_builder import PoolBuilder
from stratos.planning.explain import nearest, relaxed
from stratos.planning.limits import Limit, feasible, limits_of
from stratos.planning.offline.planner import OfflinePlanner
from stratos.planning.request import PlanningRequest
from stratos.spec import Load, Spec
from stratos.spec.changes import changed_field
from stratos.units import dollars, figure, quantity

LOAD_SHARES = (0.5, 0.2, 0.1, 0.02)
"""Of the declared requests, tried in this order until one share has a plan."""
COLD_STARTS_SECONDS = (60, 600)
"""A serverless container; an instance that is started for a request."""
_OF_TRAINING = frozenset({"min_accuracy", "max_training_hours", "max_budget_usd"})
"""Limits that neither the load nor the hosting moves."""
_SAME = 0.95
_LAXER = (1.0, 1.05, 1.3)
"""What a relaxed limit is multiplied with, until it does: a limit on hours also cuts training."""


@dataclass(frozen=True)
class _Trial:
    """A change that may help.

    Attributes:
        weaker: Looser forms of the same, tried in order until one does.
        monotone: Where the loosest form does not help, no other does.
    """

    moves: Lever
    changes: tuple[str, ...]
    region: str | None = None
    weaker: tuple[tuple[str, ...], ...] = ()
    monotone: bool = False


def advise(
    planner: OfflinePlanner,
    target: str,
    changes: Sequence[str] = (),
    options: Sequence[str] = (),
    tell: Callable[[str], object] = lambda text: None,
) -> tuple[Advice, ...]:
    """Changes with which a spec that has no plan has one, each planned with.

    Args:
        target: What `stratos plan` was called with.
        changes: With which it has none; they are part of every command.
        options: Others that the call had.
        tell: Is told what is tried.
    """
    found = []
    for trial in _trials(planner.request(changes)):
        attempts = (trial.changes, *trial.weaker)
        if trial.monotone and _planned(planner, changes, attempts[-1], trial.region) is None:
            continue
        for attempt in attempts:
            tell(" ".join([*attempt, *([f"--region {trial.region}"] if trial.region else [])]))
            plans = _planned(planner, changes, attempt, trial.region)
            if plans is not None:
                before = _what_if(_not_in(changes, attempt))
                added = _what_if(attempt) + (["--region", trial.region] if trial.region else [])
                found.append(
                    Advice(
                        moves=trial.moves,
                        options=tuple(added),
                        command=shlex.join(["stratos", "plan", target, *options, *before, *added]),
                        plan=plans.chosen,
                    )
                )
                break
    return tuple(found)


def _what_if(changes: Iterable[str]) -> list[str]:
    return [word for change in changes for word in ("--what-if", change)]


def _not_in(changes: Iterable[str], later: Iterable[str]) -> list[str]:
    """Those that no later change of the same field overrides."""
    fields = {changed_field(change) for change in later}
    return [change for change in changes if changed_field(change) not in fields]


def told(advice: Advice) -> str:
    """What it buys, in one line."""
    plan = advice.plan
    return (
        f"{plan.student} from {plan.teacher}, trained on {plan.training.instance_type}, served on "
        f"{told_endpoint(plan)}: accuracy {figure(plan.accuracy.value, 2)}, p95 "
        f"{quantity('p95_latency_ms', plan.p95_latency_ms.value)}, "
        f"{quantity('hours', plan.hours_to_deploy.value)} and "
        f"{dollars(plan.usd_to_deploy.value)} to deploy, "
        f"{dollars(plan.usd_per_month.value)} a month"
    )


def _planned(
    planner: OfflinePlanner, changes: Sequence[str], attempt: Sequence[str], region: str | None
) -> PlanSet | None:
    """The plans with some more changes; None if they do not help, or no spec could have them."""
    try:
        plans = planner.plans((*_not_in(changes, attempt), *attempt), region)
    except (StratosError, ValueError, LookupError):
        return None
    return None if plans.infeasible else plans


def _trials(request: PlanningRequest) -> Iterator[_Trial]:
    served = True
    try:
        pool = PoolBuilder(request, ()).build()
    except StratosError:
        pass
    else:
        limits = limits_of(request, pool)
        yield from _constraints(pool, limits)
        served = not any(x.name in _OF_TRAINING and not x.holds.any() for x in limits)
    if served:
        yield from _load(request.spec.load)
        yield from _hosting(request.spec)
    yield from _models(request.spec)
    yield from _regions(request)


def _constraints(pool: Pool, limits: list[Limit]) -> Iterator[_Trial]:
    """Each limit alone where the others have a plan, then the nearest relaxations of several."""
    finite = np.isfinite(pool.latency_ms)
    rows: list[int] = []
    for limit in limits:
        others = [other for other in limits if other is not limit]
        open_ = np.flatnonzero(feasible(others, len(pool)) & finite)
        if len(open_):
            rows.append(int(open_[np.argmin(limit.violation()[open_])]))
    within = np.flatnonzero(finite)
    if len(within):
        rows += [int(within[row]) for row in nearest([limit.at(within) for limit in limits])]
    told: list[dict[str, float]] = []
    for row in rows:
        missed = [limit for limit in limits if not limit.holds[row]]
        needs = {limit.name: float(limit.violation()[row]) for limit in missed}
        if not missed or any(_no_better(needs, other) for other in told):
            continue
        told.append(needs)
        first, *weaker = (_relaxation(missed, row, by) for by in _LAXER)
        yield _Trial("constraints", first, weaker=tuple(weaker))


def _no_better(needs: dict[str, float], told: dict[str, float]) -> bool:
    """Whether one change asks for all that another does, and for no less of it."""
    return all(needs.get(name, 0.0) >= _SAME * each for name, each in told.items())


def _relaxation(missed: Iterable[Limit], row: int, by: float) -> tuple[str, ...]:
    return tuple(
        f"constraints.{limit.name}="
        + relaxed(limit, float(limit.reached[row]) * (1 / by if limit.at_least else by))
        for limit in missed
    )


def _load(load: Load) -> Iterator[_Trial]:
    """A smaller share of the requests, from wherever they come."""
    shares = tuple(_share(load, share) for share in LOAD_SHARES)
    yield _Trial("load", shares[0], weaker=shares[1:], monotone=True)


def _share(load: Load, share: float) -> tuple[str, ...]:
    def part(rate: float) -> str:
        return figure(rate * share, 3, grouped=False)

    changes = []
    if load.origins is None:
        changes.append(f"load.requests_per_second={part(load.requests_per_second)}")
    else:
        rates = ", ".join(f"{region}: {part(rate)}" for region, rate in load.origins.items())
        changes += ["load.requests_per_second=", f"load.origins={{{rates}}}"]
    if load.mean_requests_per_second is not None:
        changes.append(f"load.mean_requests_per_second={part(load.mean_requests_per_second)}")
    return tuple(changes)


def _hosting(spec: Spec) -> Iterator[_Trial]:
    """A cold start that is tolerated, another mode than the one named, batches, any precision."""
    hosting = spec.hosting
    if hosting.has_endpoint:
        allowed = hosting.max_cold_start_seconds or 0.0
        longer = [each for each in COLD_STARTS_SECONDS if each > allowed]
        starts = [(f"hosting.max_cold_start_seconds={each}",) for each in longer]
        if starts:
            yield _Trial("hosting", starts[0], weaker=tuple(starts[1:]), monotone=True)
        if not spec.constraints.latencies:
            given = [
                f"hosting.{name}="
                for name in ("max_cold_start_seconds", "max_instances", "keep", "ttl_hours")
                if getattr(hosting, name)
            ]
            yield _Trial("hosting", ("hosting.mode=batch", *given))
    if hosting.named is not None:
        yield _Trial("hosting", ("hosting.mode=auto",))
    if hosting.precision != "auto":
        yield _Trial("hosting", ("hosting.precision=auto",))


def _models(spec: Spec) -> Iterator[_Trial]:
    """The catalog's models in place of those that are named, and any licence."""
    if spec.constraints.licences is not None:
        yield _Trial("constraints", ("constraints.licences=",))
    if spec.students:
        yield _Trial("students", ("students=",))
    if spec.teachers:
        yield _Trial("teachers", ("teachers=",))


def _regions(request: PlanningRequest) -> Iterator[_Trial]:
    """Without `constraints.regions`, or in the region in which the most types have a price."""
    named = request.spec.constraints.regions
    if named is not None:
        yield _Trial("regions", ("constraints.regions=",))
    priced: dict[str, int] = {}
    for instance in request.servers.instance_types:
        for region in {price.region for price in instance.prices}:
            priced[region] = priced.get(region, 0) + 1
    elsewhere = [
        region
        for region in sorted(priced, key=lambda region: (-priced[region], region))
        if region not in ("*", request.region) and (named is None or region in named)
    ]
    for region in elsewhere[:2]:
        yield _Trial("regions", (), region=region)
