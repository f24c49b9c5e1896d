"""Every constraint of a spec against one plan: asked, forecast, verdict."""

from __future__ import annotations

from collections.abc import Iterator

from stratos.contracts.plan import ForecastVerdict, Interval, Outcome, Plan
from stratos.planning.limits import gate
from stratos.planning.request import PlanningRequest
from stratos.spec.default_budget import CHOSEN, is_default
from stratos.units import between, dollars, figure, quantity

OUTCOMES: dict[Outcome, str] = {
    "holds": "holds",
    "likely": "likely holds",
    "unknown": "not known yet",
    "misses": "misses",
}
"""In the words of a table."""

_FORECASTS = {
    "max_p50_latency_ms": "p50_latency_ms",
    "max_p95_latency_ms": "p95_latency_ms",
    "max_training_hours": "hours_to_deploy",
    "max_budget_usd": "usd_to_deploy",
    "max_hosting_usd_per_month": "usd_per_month",
    "max_usd_per_1000_requests": "usd_per_1000_requests",
}
"""Constraint → the field of a plan that forecasts it."""
_MEASURED_LATER = {
    "max_p50_latency_ms": "measured on the endpoint before it is in service; no plan is ruled out",
    "max_p95_latency_ms": "measured on the endpoint before it is in service",
    "max_usd_per_1000_requests": "measured on the endpoint before it is in service",
}


def verdicts(
    request: PlanningRequest, plan: Plan, ruled_out: frozenset[str] = frozenset()
) -> tuple[ForecastVerdict, ...]:
    """One row for each constraint that the spec gives, in the order of its reference.

    Args:
        ruled_out: Constraints that the plan could not hold even at best.
    """
    return tuple(_rows(request, plan, ruled_out))


def asked_text(verdict: ForecastVerdict) -> str:
    """`≤ 20,000 ms`, `≥ 0.45`, `Apache-2.0, MIT`."""
    if isinstance(verdict.asked, tuple):
        return ", ".join(verdict.asked)
    relation = "≥" if verdict.name.startswith("min_") else "≤"
    return f"{relation} {quantity(verdict.name, verdict.asked)}" + CHOSEN * verdict.by_default


def forecast_text(verdict: ForecastVerdict) -> str:
    """`16 (8.1–34) ms`; a dash of what only a measurement shows."""
    found = verdict.forecast
    if found is None:
        return "–"
    if isinstance(found, tuple):
        return ", ".join(found)
    return between(verdict.name, found.value, found.lo, found.hi)


def finding_out(plan: Plan) -> str:
    """What probing costs: `$0.02 and 6.2 min`; empty of a plan that was made on probes."""
    probe = next((step for step in plan.steps if step.step == "probe"), None)
    if probe is None:
        return ""
    return f"{dollars(probe.usd)} and {_time(probe.hours)}"


def _time(hours: float) -> str:
    """`42 s`, `6.2 min` or `1.35 h`."""
    if hours >= 1:
        return quantity("hours", hours)
    seconds = 3600 * hours
    return f"{seconds:.0f} s" if seconds < 60 else f"{figure(seconds / 60, 2)} min"


def _rows(
    request: PlanningRequest, plan: Plan, ruled_out: frozenset[str]
) -> Iterator[ForecastVerdict]:
    asked = request.spec.constraints
    if asked.min_accuracy is not None:
        possible = "min_accuracy" not in ruled_out
        yield _accuracy(request, plan, asked.min_accuracy, possible=possible)
    for name, field in _FORECASTS.items():
        limit, forecast = getattr(asked, name), getattr(plan, field)
        if limit is not None:
            by_default = is_default(request.spec, name)
            yield _below(name, limit, forecast).model_copy(update={"by_default": by_default})
        if name == "max_p95_latency_ms" and asked.max_p99_latency_ms is not None:
            yield _p99(asked.max_p99_latency_ms, plan)
    if asked.regions is not None:
        where = tuple(dict.fromkeys((plan.training.region, *plan.regions)))
        yield _among("regions", asked.regions, where)
    if asked.licences is not None:
        yield _licences(request, plan, asked.licences)


def _accuracy(
    request: PlanningRequest, plan: Plan, asked: float, *, possible: bool
) -> ForecastVerdict:
    heldout = max(1, request.dataset.num_heldout)
    worst, middle = (gate(value, heldout) for value in (plan.accuracy.lo, plan.accuracy.value))
    note = f"on {heldout:,} held-out records the lower 95% end counts, {figure(middle, 2)}"
    outcome: Outcome = "holds" if worst >= asked else "likely" if middle >= asked else "misses"
    if plan.strategy is None and outcome != "holds" and possible:
        guess = "that it holds" if outcome == "likely" else "that it misses"
        outcome = "unknown"
        note = f"before probing the guess is {guess} ({note}); probing tells: {finding_out(plan)}"
    elif outcome == "misses":
        note += "; it may still hold" if possible else "; it could not hold even at best"
    return ForecastVerdict(
        name="min_accuracy", asked=asked, forecast=plan.accuracy, outcome=outcome, note=note
    )


def _below(name: str, asked: float, forecast: Interval | None) -> ForecastVerdict:
    note = _MEASURED_LATER.get(name, "")
    if forecast is None:
        return ForecastVerdict(name=name, asked=asked, forecast=None, outcome="unknown", note=note)
    outcome: Outcome = "likely" if forecast.value <= asked else "misses"
    if forecast.hi <= asked:
        outcome = "holds"
    return ForecastVerdict(name=name, asked=asked, forecast=forecast, outcome=outcome, note=note)


def _p99(asked: float, plan: Plan) -> ForecastVerdict:
    """The 99th percentile is at least the 95th, which alone is forecast."""
    p95 = plan.p95_latency_ms.value
    note = f"p95 is forecast, {quantity('max_p95_latency_ms', p95)}; p99 only a run measures: "
    note += f"{dollars(plan.usd_to_deploy.value)}, before the model is in service"
    outcome: Outcome = "unknown" if p95 <= asked else "misses"
    return ForecastVerdict(
        name="max_p99_latency_ms", asked=asked, forecast=None, outcome=outcome, note=note
    )


def _among(name: str, asked: tuple[str, ...], found: tuple[str, ...]) -> ForecastVerdict:
    outcome: Outcome = "holds" if set(found) <= set(asked) else "misses"
    return ForecastVerdict(name=name, asked=asked, forecast=found, outcome=outcome)


def _licences(request: PlanningRequest, plan: Plan, asked: tuple[str, ...]) -> ForecastVerdict:
    """Of the weights; a teacher behind an API has terms, and no licence."""
    cards = [card for card in request.teachers if card.name == plan.teacher]
    cards += [card for card in request.students if card.name == plan.student]
    found = [card.licence or "unknown" for card in cards if card.kind == "weights"]
    return _among("licences", asked, tuple(dict.fromkeys(found)))
