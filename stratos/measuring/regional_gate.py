"""The gate of a model that several endpoints serve: each held to its load, and all to the money."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stratos.contracts.jobs import EvaluateResult
from stratos.contracts.measurements import LoadResult
from stratos.contracts.plan import Interval, PlannedEngine
from stratos.hosting.monthly import HOURS_PER_MONTH, usd_per_busy_hour
from stratos.hosting.next_server import COST_CONSTRAINT, MONTHLY_CONSTRAINT
from stratos.measuring.gates import Verdict, judge_answers, judge_load, usd_per_1000_requests
from stratos.spec import Constraints, Load
from stratos.units import figure


@dataclass(frozen=True)
class MeasuredEndpoint:
    """One of the endpoints under its share of the load.

    Attributes:
        beyond_ms: Of the network, what its farthest origin has more than the client that measured.
        usd_per_hour: Averaged over a month of the declared traffic.
    """

    region: str
    load: LoadResult
    beyond_ms: float
    engine: PlannedEngine | None
    usd_per_hour: float


def judge_endpoint(
    found: MeasuredEndpoint, evaluation: EvaluateResult, constraints: Constraints
) -> Verdict:
    """Hold one endpoint to latency, rate and answers; what it costs is judged with the others."""
    free = constraints.model_copy(update={COST_CONSTRAINT: None})
    verdict = judge_load(found.load, free, found.usd_per_hour, beyond_ms=found.beyond_ms)
    if found.engine is not None and not found.load.stopped:
        verdict &= judge_answers(found.load.accuracy, evaluation, found.engine, constraints)
    return verdict.model_copy(update={"reason": f"{found.region}: {verdict.reason}"})


def judge_costs(found: Sequence[MeasuredEndpoint], load: Load, constraints: Constraints) -> Verdict:
    """Hold all endpoints together to what hosting may cost, a month and for 1,000 requests."""
    missed = {}
    monthly = sum(one.usd_per_hour for one in found) * HOURS_PER_MONTH
    limit = constraints.max_hosting_usd_per_month
    if limit is not None and monthly > limit:
        missed[MONTHLY_CONSTRAINT] = (
            f"${figure(monthly)} a month in all regions, {MONTHLY_CONSTRAINT} is {figure(limit)}"
        )
    cost, limit = cost_of_requests(found, load), constraints.max_usd_per_1000_requests
    if limit is not None and cost is not None and cost.lo > limit:
        missed[COST_CONSTRAINT] = (
            f"1,000 requests cost ${figure(cost.value, 3)} [{figure(cost.lo, 3)}, "
            f"{figure(cost.hi, 3)}] over all regions, {COST_CONSTRAINT} is {figure(limit)}"
        )
    return Verdict(passed=not missed, reason="; ".join(missed.values()), missed=tuple(missed))


def cost_of_requests(found: Sequence[MeasuredEndpoint], load: Load) -> Interval | None:
    """Dollars for 1,000 requests, wherever they are answered; None if one region answered none.

    Args:
        load: As declared, from all origins.
    """
    if not all(one.load.requests_per_second.lo > 0 for one in found):
        return None
    hourly = usd_per_busy_hour(sum(one.usd_per_hour for one in found), load)
    rates = [one.load.requests_per_second for one in found]
    answered = Interval(
        value=sum(rate.value for rate in rates),
        lo=sum(rate.lo for rate in rates),
        hi=sum(rate.hi for rate in rates),
    )
    return usd_per_1000_requests(hourly, answered)
