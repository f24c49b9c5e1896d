"""Where a model is tried next that missed its load: a better server of the front, if there is one.

A server needs no training, so every better one comes before another student.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from stratos.contracts.match import (
    MatchEvidence,
    gguf_in_full,
    model_of,
    plans_in_order,
    trained_alike,
)
from stratos.contracts.measurements import Measurement
from stratos.contracts.plan import Interval, Plan, PlannedEngine, PlannedHosting, ServedPrecision
from stratos.hosting.monthly import HOURS_PER_MONTH
from stratos.hosting.transform_job import transforms_on
from stratos.spec import QUANTISED, ModeName, Spec

MAX_SERVERS = 3
"""Servers that one student is measured on."""
COST_CONSTRAINT = "max_usd_per_1000_requests"
MONTHLY_CONSTRAINT = "max_hosting_usd_per_month"


@dataclass(frozen=True)
class Tried:
    """A student that missed its load.

    Attributes:
        measured: Of this student, as it was hosted last; the latest one at the end.
        replaces_former: Its endpoint served another model before the run.
        precisions: In which the student was evaluated and passed its gate.
    """

    spec: Spec
    evidence: MatchEvidence
    measured: Sequence[Measurement]
    replaces_former: bool
    precisions: frozenset[ServedPrecision] = frozenset()

    @property
    def engine(self) -> PlannedEngine | None:
        """What the model was served by last."""
        return (self.measured[-1].plan if self.measured else self.evidence.plan).engine


@dataclass(frozen=True)
class NextServer:
    """The plan that the same model is tried by next, or why there is none."""

    plan: Plan | None = None
    why: str = ""


def better_server(tried: Tried, mode: ModeName) -> NextServer:
    """The next server of an endpoint.

    Of the plans on the front with the same model on a server that is faster (cheaper, after a miss
    on cost) than those measured: the best one that holds `max_p95_latency_ms` although its
    forecast is as far out as the others were, or else the fastest. An endpoint keeps its kind, so
    only plans that are hosted in its mode may follow. So may only those whose precision is the one
    that was served or another that was evaluated.
    """
    evidence, mine = tried.evidence, tried.measured
    if len(mine) >= MAX_SERVERS:
        return _tried_enough(mine)
    better = [
        plan
        for plan in plans_in_order(evidence.matching)
        if plan.hosting.mode == mode
        and _stays(plan, evidence.plan)
        and model_of(plan) == model_of(evidence.plan)
        and _may_follow(plan.engine, tried)
        and all(_improves(plan, m) for m in mine)
        and not any(plan.serving.instance_type in m.without_capacity for m in mine)
    ]
    if not better:
        return _NO_BETTER
    out = max((_times_forecast(m) for m in mine), default=1.0)
    return NextServer(served_as(evidence.plan, _fast_enough(better, out, tried.spec)))


def better_fleet(tried: Tried) -> NextServer:
    """The next servers of a model that several regions serve, or one that is not the stack's own.

    As for one endpoint, with the forecasts of all of them: the latency of the origin that is served
    worst, and their dollars together. The regions stay.
    """
    evidence, fleets = tried.evidence, _fleets(tried.measured)
    if len(fleets) >= MAX_SERVERS:
        return _tried_enough(fleets)
    better = [
        plan
        for plan in trained_alike(plans_in_order(evidence.matching), evidence.plan)
        if plan.hosting.mode == evidence.plan.hosting.mode
        and _stays(plan, evidence.plan)
        and _may_follow(plan.engine, tried)
        and all(_improves_fleet(plan, fleet) for fleet in fleets)
    ]
    if not better:
        return _NO_BETTER
    out = max((_times_forecast(item) for item in tried.measured), default=1.0)
    return NextServer(served_as(evidence.plan, _fast_enough(better, out, tried.spec)))


def better_batch_server(tried: Tried) -> NextServer:
    """The next server of a model that is asked in batches.

    The first one that is forecast to be faster, or cheaper a request after a miss on cost, than
    those measured.
    """
    evidence, mine = tried.evidence, tried.measured
    if len(mine) >= MAX_SERVERS:
        return _tried_enough(mine)
    for plan in plans_in_order(evidence.matching):
        if (
            model_of(plan) == model_of(evidence.plan)
            and _stays(plan, evidence.plan)
            and _may_follow(plan.engine, tried)
            and transforms_on(plan.serving.instance_type)
            and all(_improves_batches(plan, item) for item in mine)
        ):
            return NextServer(served_as(evidence.plan, plan))
    return _NO_BETTER


def first_server(evidence: MatchEvidence, mode: ModeName) -> Plan:
    """Where a model is tried on instances that missed its load without any.

    The best plan on the front that serves it in the mode and by the same engine in the same
    precision, or else the server that its forecast rests on, with the slots that fit there.
    """
    own = evidence.plan
    for plan in plans_in_order(evidence.matching):
        alike = model_of(plan) == model_of(own) and _as_precise(plan.engine, own.engine)
        if plan.hosting.mode == mode and alike and _stays(plan, own):
            return served_as(own, plan)
    monthly = own.serving.usd_per_hour * HOURS_PER_MONTH
    reason = f"{own.hosting.mode} missed the load"
    return own.model_copy(
        update={
            "hosting": PlannedHosting(mode=mode, reason=reason),
            "engine": own.instance_engine or own.engine,
            "instance_engine": None,
            "usd_per_month": Interval(value=monthly, lo=monthly, hi=monthly),
            "usd_per_1000_requests": None,
        }
    )


def stand_ins(
    evidence: MatchEvidence,
    own: Plan,
    precisions: frozenset[ServedPrecision],
    without: Collection[str],
) -> tuple[Plan, ...]:
    """Plans that may serve a model in the place of its own plan, best first.

    Of the front, so that each holds latency and budget by forecast; in the same mode, by as many
    instances of another type, in a precision that the student passed in.

    Args:
        without: Instance types that missed the load.
    """
    found: dict[str, Plan] = {}
    for plan in plans_in_order(evidence.matching):
        name = plan.serving.instance_type
        if (
            name != own.serving.instance_type
            and name not in without
            and plan.hosting.mode == own.hosting.mode
            and plan.serving.count == own.serving.count
            and _stays(plan, own)
            and model_of(plan) == model_of(own)
            and _may_serve(plan.engine, own.engine, evidence, precisions)
        ):
            found.setdefault(name, served_as(own, plan))
    return tuple(found.values())


def served_as(trained: Plan, other: Plan) -> Plan:
    """The plan a model was trained by, on the server and in the engine of another."""
    of_server = (
        "id",
        "serving",
        "engine",
        "instance_engine",
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
        "origins",
        "beyond_home_ms",
        "more_endpoints",
    )
    changes = {name: getattr(other, name) for name in of_server}
    if not _as_precise(other.engine, trained.engine):
        changes |= {"accuracy": other.accuracy, "precision_reason": other.precision_reason}
    return trained.model_copy(update=changes)


def _stays(plan: Plan, own: Plan) -> bool:
    """Whether a plan serves where the model is deployed: an endpoint does not change its region."""
    return set(plan.regions) == set(own.regions)


def _as_precise(one: PlannedEngine | None, other: PlannedEngine | None) -> bool:
    """Whether two engines serve the same weights in the same precision.

    Only llama.cpp reads GGUF, whose precision in full may be another than that of the weights.
    """
    if one is None or other is None:
        return one is other  # both plans are of before there were engines
    return (one.name, one.precision) == (other.name, other.precision)


def _may_follow(engine: PlannedEngine | None, tried: Tried) -> bool:
    """Whether the artifact has what an engine serves, and the student passed its gate in it.

    vLLM reads the weights themselves: they passed in whatever unquantised precision they were
    evaluated, and its endpoint is asked once more. llama.cpp has one file in full precision.
    """
    return _may_serve(engine, tried.engine, tried.evidence, tried.precisions)


def _may_serve(
    engine: PlannedEngine | None,
    own: PlannedEngine | None,
    evidence: MatchEvidence,
    precisions: frozenset[ServedPrecision],
) -> bool:
    if _as_precise(engine, own):
        return True
    if engine is None:
        return False
    if engine.name == "vllm" and not engine.is_quantised:
        return bool(precisions - set(QUANTISED))
    exported = {*QUANTISED, gguf_in_full(evidence)}
    return engine.precision in precisions & exported


def _times_forecast(measured: Measurement) -> float:
    """How many times its forecast a p95 latency was; 1 where there was none."""
    load = measured.load
    if load is None or load.p95_ms is None:
        return 1.0
    seen = load.p95_ms.value + measured.plan.beyond_home_ms
    return seen / measured.plan.p95_latency_ms.value


def _fast_enough(better: Sequence[Plan], out: float, spec: Spec) -> Plan:
    """The first that holds the limit `out` times slower than its forecast, or else the fastest."""
    asked = spec.constraints.max_p95_latency_ms
    holding = (plan for plan in better if asked is None or plan.p95_latency_ms.value * out <= asked)
    return next(holding, min(better, key=lambda plan: plan.p95_latency_ms.value))


_NO_BETTER = NextServer(why="the front has no better server for it")


def _tried_enough(tried: Sequence[object]) -> NextServer:
    return NextServer(why=f"{len(tried)} servers were tried")


def _fleets(measured: Sequence[Measurement]) -> list[list[Measurement]]:
    """What was measured, by the endpoints that were judged together."""
    found: dict[str, list[Measurement]] = {}
    for item in measured:
        found.setdefault(item.endpoint_config_name, []).append(item)
    return list(found.values())


def _improves_fleet(plan: Plan, on: Sequence[Measurement]) -> bool:
    """Whether a plan's endpoints promise more of what was missed together."""
    missed = {name for item in on for name in item.missed}
    costly = {COST_CONSTRAINT, MONTHLY_CONSTRAINT}
    monthly = sum(item.plan.usd_per_month.value for item in on)
    if missed & costly and plan.usd_per_month.value >= monthly:
        return False
    slowest = max(item.plan.p95_latency_ms.value for item in on)
    return not missed - costly or plan.p95_latency_ms.value < slowest


def _improves(plan: Plan, on: Measurement) -> bool:
    """Whether a plan's server promises more of what was missed."""
    if COST_CONSTRAINT in on.missed and plan.serving.usd_per_hour >= on.plan.serving.usd_per_hour:
        return False
    slow = bool(set(on.missed) - {COST_CONSTRAINT})
    return not slow or plan.p95_latency_ms.value < on.plan.p95_latency_ms.value


def _improves_batches(plan: Plan, on: Measurement) -> bool:
    if plan.serving.instance_type == on.plan.serving.instance_type:
        return False
    costly = bool({COST_CONSTRAINT, MONTHLY_CONSTRAINT} & set(on.missed))
    if costly and _usd_per_request(plan) >= _usd_per_request(on.plan):
        return False
    if "requests_per_second" in on.missed:
        return plan.requests_per_second.value > on.plan.requests_per_second.value
    return True


def _usd_per_request(plan: Plan) -> float:
    """As forecast, in arbitrary units."""
    return plan.serving.usd_per_hour / plan.requests_per_second.value
