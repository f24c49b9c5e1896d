"""Plans that differ in their server, as the front of a match."""

from __future__ import annotations

from stratos.contracts.match import MatchEvidence
from stratos.contracts.measurements import Measurement
from stratos.contracts.plan import Interval, Matching, Plan, PlanSet
from tests.summaries import measurement, plan, plan_set, server
from tests.unit.stratos.hosting.batch_jobs import result


def on(name: str, latency_ms: float, usd_per_hour: float = 0.1, **changes: object) -> Plan:
    """A plan for the same model on a server of its own."""
    serving = server(f"ml.{name}", usd_per_hour)
    return plan(name, latency_ms=latency_ms).model_copy(update={"serving": serving, **changes})


def matched(*front: Plan) -> MatchEvidence:
    plans = plan_set().model_copy(update={"chosen": front[0], "fallbacks": (), "front": front})
    matching = Matching(
        plan=front[0], strategy="injection", reason="", plans=PlanSet.model_validate(plans)
    )
    return MatchEvidence(
        attempt=0,
        matching=matching,
        probes=(),
        dropped={},
        tried=(),
        spent_usd=0,
        spent_hours=0,
    )


def measured_batch(plan: Plan, *missed: str) -> Measurement:
    changes = {"load": None, "batch": result(), "missed": missed, "passed": False}
    return measurement(plan, 800).model_copy(update=changes)


def fast(name: str, requests_per_second: float, usd_per_hour: float = 0.1) -> Plan:
    rate = Interval(value=requests_per_second, lo=0.1, hi=99)
    return on(name, 400, usd_per_hour).model_copy(update={"requests_per_second": rate})
