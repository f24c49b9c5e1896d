"""The Pareto front as one HTML page to explore, without network or libraries."""

from __future__ import annotations

import json
from html import escape
from importlib import resources

from stratos.contracts.plan import Interval, Plan, PlanSet
from stratos.hosting.modes.table import told_endpoint
from stratos.spec import Spec

AXES: dict[str, tuple[str, str | None, bool]] = {
    "accuracy": ("expected accuracy", "min_accuracy", False),
    "p95_latency_ms": ("p95 latency, ms", "max_p95_latency_ms", True),
    "hours_to_deploy": ("hours to deploy", "max_training_hours", True),
    "usd_to_deploy": ("dollars to deploy", "max_budget_usd", True),
    "usd_per_month": ("hosting, dollars a month", "max_hosting_usd_per_month", True),
}
"""Field of a plan → label, the constraint on it, logarithmic."""


def plan_page(spec: Spec, plans: PlanSet) -> str:
    """Draw every plan of the front; hovering shows it, lines and shading show the constraints."""
    roles = {plan.id: name for name, plan in plans.alternatives.items()}
    roles |= {plan.id: "fallback" for plan in plans.fallbacks if plan.id not in roles}
    roles[plans.chosen.id] = "chosen"
    data = {
        "axes": [
            {
                "field": field,
                "label": label,
                "limit": getattr(spec.constraints, constraint) if constraint else None,
                "constraint": constraint,
                "atLeast": bool(constraint and constraint.startswith("min_")),
                "logarithmic": logarithmic,
            }
            for field, (label, constraint, logarithmic) in AXES.items()
        ],
        "plans": [_row(plan, roles.get(plan.id, "")) for plan in plans.front],
    }
    summary = (
        f"{plans.num_candidates:,} candidates, {plans.front_size:,} on the front, chosen in "
        f"{plans.seconds:.2f} s. Binding: {', '.join(plans.binding) or 'nothing'}."
    ) + "".join(f" Not {region}: {why}." for region, why in plans.regions.items())
    template = resources.files("stratos.planning.offline").joinpath("page.html").read_text("utf-8")
    # "</" would end the script element early.
    embedded = json.dumps(data).replace("</", "<\\/")
    filled = template.replace("%NAME%", escape(spec.name)).replace("%SUMMARY%", escape(summary))
    return filled.replace("%CHOSEN%", _sentence(plans.chosen)).replace("%DATA%", embedded)


def _row(plan: Plan, role: str) -> dict[str, object]:
    row: dict[str, object] = {"role": role, "text": _lines(plan)}
    for field in AXES:
        interval: Interval = getattr(plan, field)
        row[field] = [interval.value, interval.lo, interval.hi]
    return row


def _lines(plan: Plan) -> list[str]:
    training = plan.training
    return [
        *(f"forecast to miss {miss}" for miss in plan.misses),
        f"{plan.teacher} → {plan.student}, {plan.method}, {plan.precision}",
        f"trained on {training.count} × {training.instance_type}{training.layout}, "
        f"{training.purchase}, {training.region}",
        f"served on {told_endpoint(plan)}",
        *([f"away: {plan.elsewhere.told}"] if plan.elsewhere else []),
        *(
            f"requests from {found.origin} served in {found.served_in}: "
            f"p95 {found.p95_latency_ms:,.0f} ms, {found.round_trip_ms:,.0f} of them the network"
            for found in plan.origins
        ),
        f"hosting: {plan.hosting.reason}",
        *([f"engine: {plan.engine.told}"] if plan.engine else []),
        *plan.caveats,
    ]


def _sentence(plan: Plan) -> str:
    shown = 5 + len(plan.misses) + len(plan.origins) + (plan.elsewhere is not None)
    return escape("; ".join(_lines(plan)[:shown]))
