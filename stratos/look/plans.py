"""How plans are told on a page: the front drawn, the choice, and why each rival was not chosen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from markupsafe import Markup

from stratos.contracts.plan import Interval, Plan, PlanSet
from stratos.hosting.modes.table import told_endpoint
from stratos.look.charts import LimitLine, Point, axis, scatter
from stratos.units import between, dollars, figure, quantity

CHOSEN, FALLBACK = "chosen", "fallback"
FORECASTS = ("accuracy", "p95_latency_ms", "hours_to_deploy", "usd_to_deploy", "usd_per_month")
"""Fields of a plan that people compare plans by."""
_TOLD_APART = 0.01
"""Forecasts that differ by less, relatively, are told as the same."""


@dataclass(frozen=True)
class PlanRow:
    """One plan of note."""

    plan: Plan
    roles: tuple[str, ...]
    """What it is: `chosen`, `cheapest`, `fallback 1`."""
    why_not: str
    """In words; empty for the choice."""
    kind: str
    """CSS class of its mark in the chart."""

    @property
    def anchor(self) -> str:
        """Id of what tells of it on a page."""
        return f"plan-{self.plan.id}"


def plan_rows(plans: PlanSet) -> list[PlanRow]:
    """The choice, its fallbacks in the order they would be tried, and the named alternatives.

    Where no plan holds every constraint: the nearest plans.
    """
    roles: dict[str, list[str]] = {plans.chosen.id: ["nearest" if plans.infeasible else CHOSEN]}
    known = {plans.chosen.id: plans.chosen}
    for number, plan in enumerate(plans.fallbacks, start=1):
        roles.setdefault(plan.id, []).append(f"{FALLBACK} {number}")
        known.setdefault(plan.id, plan)
    for name, plan in plans.alternatives.items():
        roles.setdefault(plan.id, []).append(name.replace("_", " "))
        known.setdefault(plan.id, plan)
    if plans.infeasible:
        for number, plan in enumerate(plans.front, start=1):
            if plan.id not in known:
                roles[plan.id], known[plan.id] = [f"near {number}"], plan
    fallbacks = {plan.id for plan in plans.fallbacks}
    return [
        PlanRow(
            plan=known[plan_id],
            roles=tuple(names),
            why_not="" if plan_id == plans.chosen.id else why_not(known[plan_id], plans.chosen),
            kind=CHOSEN
            if plan_id == plans.chosen.id
            else FALLBACK
            if plan_id in fallbacks
            else "named",
        )
        for plan_id, names in roles.items()
    ]


def why_not(plan: Plan, chosen: Plan) -> str:
    """What speaks for a plan, and what against it, beside the one that was chosen."""
    better: list[str] = []
    worse: list[str] = []
    for sign, told in _differences(plan, chosen):
        (better if sign > 0 else worse).append(told)
    worse = [*(f"forecast to miss {miss}" for miss in plan.misses), *worse]
    if plan.misses and plan.misses == chosen.misses:
        worse = worse[len(plan.misses) :]  # the choice misses them, too
    if better and worse:
        return f"{_listed(better)}, but {_listed(worse)}"
    if worse:
        return _listed(worse)
    if better:
        return f"{_listed(better)}; in all it scores lower by the spec's preferences"
    return "no forecast tells it from the choice"


def _differences(plan: Plan, chosen: Plan) -> Iterator[tuple[int, str]]:
    """(1 if it is better, else -1; by how much, in words) for each forecast that differs."""
    points = 100 * (plan.accuracy.value - chosen.accuracy.value)
    if abs(points) >= 0.1:
        told = f"{abs(points):.1f} points {'more' if points > 0 else 'less'} accurate"
        yield (1 if points > 0 else -1), told
    words = {
        "p95_latency_ms": ("slower", "faster"),
        "hours_to_deploy": ("later", "sooner"),
        "usd_to_deploy": ("dearer to deploy", "cheaper to deploy"),
        "usd_per_month": ("dearer a month", "cheaper a month"),
    }
    for name, (more, less) in words.items():
        ours, theirs = getattr(plan, name).value, getattr(chosen, name).value
        if abs(ours - theirs) > _TOLD_APART * max(ours, theirs):
            by = quantity(name, abs(ours - theirs))
            yield (-1, f"{by} {more}") if ours > theirs else (1, f"{by} {less}")


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def forecast(name: str, found: Interval) -> str:
    """A forecast with its 95% interval."""
    return between(name, found.value, found.lo, found.hi)


def setting(plan: Plan) -> str:
    """Models, method and servers in one sentence."""
    training = plan.training
    spot = ", spot" if training.purchase == "spot" else ""
    return (
        f"{plan.student} learns from {plan.teacher} ({plan.method}, {plan.precision}) on "
        f"{training.count} × {training.instance_type}{training.layout}{spot} in {training.region}, "
        f"and is served on {told_endpoint(plan)}"
    )


def front_limits(p95_latency_ms: float | None, accuracy: float | None) -> list[LimitLine]:
    """The constraints that the chart of the front can show; None of one that is not asked."""
    limits = []
    if p95_latency_ms is not None:
        limits.append(
            LimitLine("x", p95_latency_ms, f"≤ {quantity('p95_latency_ms', p95_latency_ms)}")
        )
    if accuracy is not None:
        limits.append(LimitLine("y", accuracy, f"≥ {figure(accuracy)}"))
    return limits


def front_chart(plans: PlanSet, limits: list[LimitLine]) -> Markup:
    """Accuracy over latency of every plan of the front; those of note lead to their row."""
    rows = {row.plan.id: row for row in plan_rows(plans)}
    shown = {plan.id: plan for plan in (*plans.front, plans.chosen)}.values()
    points = []
    for plan in shown:
        row = rows.get(plan.id)
        points.append(
            Point(
                plan.p95_latency_ms.value,
                plan.accuracy.value,
                _point(plan, row),
                row.kind if row else "plain",
                row.anchor if row else None,
            )
        )
    reach = [limit.value for limit in limits if limit.axis == "y"]
    return scatter(
        f"Pareto front: {len(points)} plans by accuracy and p95 latency",
        points,
        axis("p95 latency, ms", [point.x for point in points], logarithmic=True),
        axis("expected accuracy", [*(point.y for point in points), *reach]),
        limits,
    )


def _point(plan: Plan, row: PlanRow | None) -> str:
    named = f"{', '.join(row.roles)}: " if row else ""
    return (
        f"{named}{setting(plan)}. Accuracy {figure(plan.accuracy.value, 3)}, p95 "
        f"{quantity('p95_latency_ms', plan.p95_latency_ms.value)}, "
        f"{quantity('hours_to_deploy', plan.hours_to_deploy.value)}, "
        f"{dollars(plan.usd_to_deploy.value)} to deploy, "
        f"{dollars(plan.usd_per_month.value)} a month"
    )
