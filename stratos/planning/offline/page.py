"""The plan as one HTML page: the verdict, the choice and why, the front to explore. No network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources

from markupsafe import Markup

from stratos.contracts.plan import ForecastVerdict, Outcome, Plan, PlanSet
from stratos.contracts.plan_document import Advice
from stratos.look.charts import LimitLine, strip
from stratos.look.pages import environment
from stratos.look.plans import (
    FORECASTS,
    PlanRow,
    forecast,
    front_chart,
    front_limits,
    plan_rows,
    setting,
)
from stratos.planning.caveats import gathered
from stratos.planning.offline.advice import told
from stratos.planning.verdict import OUTCOMES, asked_text, finding_out, forecast_text
from stratos.spec import Spec
from stratos.units import dollars, quantity

AXES: dict[str, tuple[str, str, bool]] = {
    "accuracy": ("expected accuracy", "min_accuracy", False),
    "p95_latency_ms": ("p95 latency, ms", "max_p95_latency_ms", True),
    "hours_to_deploy": ("hours to deploy", "max_training_hours", True),
    "usd_to_deploy": ("dollars to deploy", "max_budget_usd", True),
    "usd_per_month": ("hosting, dollars a month", "max_hosting_usd_per_month", True),
}
"""Field of a plan → label, the constraint on it, logarithmic."""
_BADGES: dict[Outcome, str] = {
    "holds": "good",
    "likely": "good",
    "unknown": "open",
    "misses": "bad",
}


@dataclass(frozen=True)
class _Verdict:
    """Of the whole plan: CSS class, a word or two, and a sentence."""

    kind: str
    word: str
    told: str


@dataclass(frozen=True)
class _Line:
    """One constraint, in words and drawn."""

    name: str
    asked: str
    forecast: str
    badge: str
    outcome: str
    note: str
    strip: Markup


def plan_page(spec: Spec, plans: PlanSet, advice: Sequence[Advice] = ()) -> str:
    """The page of a plan, or of the nearest plans where none holds every constraint.

    Args:
        advice: Changes that were tried and do, where no plan holds every constraint.
    """
    chosen = plans.chosen
    return (
        environment()
        .get_template("planning/offline/page.html.j2")
        .render(
            name=spec.name,
            plans=plans,
            verdict=_verdict(plans),
            lines=[_line(verdict) for verdict in plans.verdicts],
            advice=[(Markup("<code>{}</code>").format(one.command), told(one)) for one in advice],
            chosen=setting(chosen),
            why=_why(plans),
            details=list(_details(chosen)),
            steps=[
                (step.step, quantity("hours", step.hours), dollars(step.usd))
                for step in chosen.steps
            ],
            finding_out=finding_out(chosen),
            static=front_chart(plans, _limits(spec)),
            rows=plan_rows(plans),
            plan_name=_plan_name,
            forecasts=lambda plan: [forecast(name, getattr(plan, name)) for name in FORECASTS],
            left_out=[*plans.regions.items(), *plans.rejected.items()],
            caveats=gathered(chosen.caveats),
            data=_data(spec, plans),
            script=Markup(
                resources.files("stratos.planning.offline").joinpath("page.js").read_text("utf-8")
            ),
        )
    )


def _limits(spec: Spec) -> list[LimitLine]:
    return front_limits(spec.constraints.max_p95_latency_ms, spec.constraints.min_accuracy)


def _verdict(plans: PlanSet) -> _Verdict:
    if plans.infeasible:
        sentence = "No plan holds every constraint. Below are the nearest plan and what it misses."
        return _Verdict("bad", "no plan holds", sentence)
    outcomes = {verdict.outcome for verdict in plans.verdicts}
    missed = _names(plans, "misses")
    if missed or plans.chosen.misses:
        named = missed or plans.chosen.misses[0]
        sentence = f"The choice is expected to miss {named}, and may hold it."
        return _Verdict("open", "may hold", sentence)
    if "unknown" in outcomes:
        sentence = f"Nothing is expected to be missed. Not known yet: {_names(plans, 'unknown')}."
        return _Verdict("open", "not all known yet", sentence)
    return _Verdict("good", "expected to hold", "Every constraint is expected to hold.")


def _names(plans: PlanSet, outcome: Outcome) -> str:
    return ", ".join(verdict.name for verdict in plans.verdicts if verdict.outcome == outcome)


def _line(verdict: ForecastVerdict) -> _Line:
    asked, found = asked_text(verdict), forecast_text(verdict)
    return _Line(
        name=verdict.name,
        asked=asked,
        forecast=found,
        badge=_BADGES[verdict.outcome],
        outcome=OUTCOMES[verdict.outcome],
        note=verdict.note,
        strip=_strip(verdict, f"{verdict.name}: asked {asked}, forecast {found}"),
    )


def _strip(verdict: ForecastVerdict, label: str) -> Markup:
    """Empty of what is no number."""
    asked, found = verdict.asked, verdict.forecast
    if isinstance(asked, tuple) or isinstance(found, tuple):
        return Markup()
    ends = [asked] if found is None else [asked, found.hi]
    return strip(
        label,
        low=0.0,
        high=1.0 if verdict.name == "min_accuracy" else 1.05 * max(ends),
        interval=None if found is None else (found.lo, found.hi),
        value=None if found is None else found.value,
        limit=asked,
    )


def _why(plans: PlanSet) -> str:
    if plans.infeasible:
        return "It needs the smallest changes of the constraints, all of them together."
    kept = f" {', '.join(plans.binding)} kept better ones out." if plans.binding else ""
    return (
        f"It is best by the spec's preferences of {plans.front_size:,} plans that no other beats "
        f"in all of accuracy, latency, time and cost, out of {plans.num_candidates:,} candidates, "
        f"chosen in {plans.seconds:.2f} s.{kept}"
    )


def _details(plan: Plan) -> Iterator[tuple[str, str]]:
    for miss in plan.misses:
        yield "forecast to miss", miss
    yield "hosting", plan.hosting.reason
    if plan.engine is not None:
        yield "engine", plan.engine.told
    if plan.precision_reason:
        yield "precision", plan.precision_reason
    if plan.elsewhere is not None:
        yield "away", plan.elsewhere.told


def _plan_name(row: PlanRow) -> Markup:
    """What a plan is, and beneath it what it does."""
    return Markup('{}<br><span class="small dim">{}</span>').format(
        ", ".join(row.roles), setting(row.plan)
    )


def _data(spec: Spec, plans: PlanSet) -> dict[str, object]:
    """What the script draws."""
    rows = {row.plan.id: row for row in plan_rows(plans)}
    return {
        "axes": [_axis(spec, field) for field in AXES],
        "plans": [_point(plan, rows.get(plan.id)) for plan in _drawn(plans)],
    }


def _drawn(plans: PlanSet) -> list[Plan]:
    """The front with the choice, which may have been made from more."""
    known = {plan.id: plan for plan in (*plans.front, plans.chosen)}
    return list(known.values())


def _axis(spec: Spec, field: str) -> dict[str, object]:
    label, constraint, logarithmic = AXES[field]
    limit = getattr(spec.constraints, constraint)
    at_least = constraint.startswith("min_")
    relation = "≥" if at_least else "≤"
    return {
        "field": field,
        "label": label,
        "limit": limit,
        "constraint": constraint,
        "told": "" if limit is None else f"{relation} {quantity(constraint, limit)}",
        "atLeast": at_least,
        "logarithmic": logarithmic,
    }


def _point(plan: Plan, row: PlanRow | None) -> dict[str, object]:
    forecasts = {field: getattr(plan, field) for field in AXES}
    return {
        "role": ", ".join(row.roles) if row else "",
        "kind": row.kind if row else "plain",
        "forecasts": {field: [one.value, one.lo, one.hi] for field, one in forecasts.items()},
        "text": [
            *(f"forecast to miss {miss}" for miss in plan.misses),
            setting(plan),
            "; ".join(
                f"{AXES[f][0].partition(',')[0]} {forecast(f, one)}" for f, one in forecasts.items()
            ),
            *(f"{name}: {words}" for name, words in _details(plan) if name != "forecast to miss"),
            *([row.why_not] if row and row.why_not else []),
        ],
    }
