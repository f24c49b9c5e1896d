"""`measurements.json`: every endpoint of a run under load, and the plan that comes after a miss.

A model that is hosted in batches has no endpoint: what was measured of it is a batch.
"""

from __future__ import annotations

from collections.abc import Sequence

from stratos.contracts.match import MatchEvidence, plans_in_order
from stratos.contracts.measurements import Measurement
from stratos.contracts.plan import Interval, Plan, PlannedHosting
from stratos.hosting.monthly import HOURS_PER_MONTH
from stratos.spec import Constraints, EndpointMode

MAX_SERVERS = 3
"""Servers that one student is measured on."""
COST_CONSTRAINT = "max_usd_per_1000_requests"


def usd_per_1000_requests(usd_per_hour: float, answered: Interval) -> Interval | None:
    """Hosting of 1,000 requests at a measured rate; None where none was answered.

    Args:
        answered: Requests per second.
    """
    if answered.lo <= 0:
        return None
    per_second = 1000 * usd_per_hour / 3600
    return Interval(
        value=per_second / answered.value, lo=per_second / answered.hi, hi=per_second / answered.lo
    )


def next_server(
    evidence: MatchEvidence,
    measured: Sequence[Measurement],
    constraints: Constraints,
    *,
    mode: EndpointMode,
) -> Plan | None:
    """The plan that serves the same model next, or None where the front has no better server.

    Of the plans on the front with the same model on a server that is faster (cheaper, after a miss
    on cost) than those measured: the best one that holds `max_p95_latency_ms` although its
    forecast is as far out as the others were, or else the fastest. An endpoint keeps its kind, so
    only plans that are hosted in its mode may follow.

    Args:
        mode: Of the endpoint in service.
    """
    mine = on_servers(measured, evidence.attempt)
    better = [
        plan
        for plan in plans_in_order(evidence.matching)
        if plan.hosting.mode == mode
        and model_of(plan) == model_of(evidence.plan)
        and all(_improves(plan, m) for m in mine)
    ]
    if not better or len(mine) >= MAX_SERVERS:
        return None
    out = max(m.load.p95_ms.value / m.plan.p95_latency_ms.value for m in mine if m.load)
    asked = constraints.max_p95_latency_ms
    holding = (plan for plan in better if asked is None or plan.p95_latency_ms.value * out <= asked)
    fastest = min(better, key=lambda plan: plan.p95_latency_ms.value)
    return served_as(evidence.plan, next(holding, fastest))


def first_server(evidence: MatchEvidence) -> Plan:
    """Where a model that missed its load serverless is tried on instances.

    The best plan on the front that serves it so, or else the CPU that its forecast rests on.
    """
    for plan in plans_in_order(evidence.matching):
        if plan.hosting.mode == "realtime" and model_of(plan) == model_of(evidence.plan):
            return served_as(evidence.plan, plan)
    own = evidence.plan
    monthly = own.serving.usd_per_hour * HOURS_PER_MONTH
    return own.model_copy(
        update={
            "hosting": PlannedHosting(mode="realtime", reason="serverless missed the load"),
            "usd_per_month": Interval(value=monthly, lo=monthly, hi=monthly),
            "usd_per_1000_requests": None,
        }
    )


def on_servers(measured: Sequence[Measurement], attempt: int) -> list[Measurement]:
    """Those of a student on servers of its own; serverless hosting says nothing of them."""
    return [m for m in measured if m.attempt == attempt and m.mode != "serverless"]


def served_as(trained: Plan, other: Plan) -> Plan:
    """The plan a model was trained by, on the server of another."""
    of_server = (
        "id",
        "serving",
        "hosting",
        "p50_latency_ms",
        "p95_latency_ms",
        "prefill_tokens_per_second",
        "decode_tokens_per_second",
        "requests_per_second",
        "usd_per_month",
        "usd_per_1000_requests",
        "calibration",
        "caveats",
    )
    return trained.model_copy(update={name: getattr(other, name) for name in of_server})


def model_of(plan: Plan) -> tuple[str, ...]:
    """What a trained model depends on, and the region its endpoint is in."""
    return (plan.teacher, plan.student, plan.method, plan.precision, plan.serving.region)


def _improves(plan: Plan, on: Measurement) -> bool:
    """Whether a plan's server promises more of what was missed."""
    if COST_CONSTRAINT in on.missed and plan.serving.usd_per_hour >= on.plan.serving.usd_per_hour:
        return False
    slow = bool(set(on.missed) - {COST_CONSTRAINT})
    return not slow or plan.p95_latency_ms.value < on.plan.p95_latency_ms.value
