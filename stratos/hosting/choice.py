"""Which mode a model gets: what binds it, and whether the planned one fits the real model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from stratos.catalog.images import runtime_of
from stratos.contracts.plan import Plan
from stratos.errors import DeploymentFailed
from stratos.hosting.deployment import HostingChoice
from stratos.hosting.modes.interface import HostingMode
from stratos.hosting.modes.table import endpoint_modes, mode_named
from stratos.hosting.offer import Hosted, Offer
from stratos.spec import ModeName, Spec

_WAYS_OUT = "Delete it first (`stratos delete RUN`), give the spec another name"


def modes_considered(spec: Spec, live_mode: ModeName | None) -> tuple[HostingMode, ...]:
    """The mode that the spec names or its endpoint in service has; else all that it tolerates.

    Raises:
        DeploymentFailed: the spec names a mode that its endpoint in service does not have.
    """
    refuse_other_mode(spec, live_mode)
    bound = spec.hosting.named or live_mode
    if bound is not None:
        return (mode_named(bound),)
    cold = spec.hosting.max_cold_start_seconds is not None
    return tuple(mode for mode in endpoint_modes() if cold or not mode.starts_cold)


def modes_compared(spec: Spec) -> tuple[HostingMode, ...]:
    """Those whose costs are told beside each other: every one with an endpoint, if it has one."""
    named = spec.hosting.named
    if named is not None and not spec.hosting.has_endpoint:
        return (mode_named(named),)
    return tuple(endpoint_modes())


def reason_for(spec: Spec, live_mode: ModeName | None, chosen: str, others: Iterable[str]) -> str:
    """Why a mode is the one, in words.

    Args:
        chosen: What it costs, in words.
        others: The same of every other mode.
    """
    if spec.hosting.named is not None:
        return f"the spec asks for {spec.hosting.named} hosting: {chosen}"
    if live_mode is not None:
        return f"the endpoint in service is {live_mode}, and stays so: {chosen}"
    return f"{chosen}; instead of {', '.join(others)}"


def choose_hosting(
    spec: Spec, plan: Plan, *, artifact_bytes: int, live_mode: ModeName | None = None
) -> tuple[HostingMode, HostingChoice]:
    """Hold the plan's mode against the model that is there now.

    It is left only where it turned out impossible, or slower to start than the spec tolerates, or
    where the endpoint in service is of another kind; the choice then says so.

    Args:
        artifact_bytes: Size of model.tar.gz.
        live_mode: Of the endpoint in service under the spec's name, if one is.

    Raises:
        DeploymentFailed: the mode that is named, or that the endpoint in service has, cannot host
            the model; or no other one stays within `max_hosting_usd_per_month`.
    """
    refuse_other_mode(spec, live_mode)
    usd_per_hour = plan.serving.usd_per_hour
    seconds, rate = plan.p95_latency_ms.value / 1000, plan.requests_per_second.value
    named, planned = spec.hosting.named, plan.hosting.mode
    hosted = Hosted(spec, runtime_of(plan.serving.instance_type), artifact_bytes)
    offers = {mode: mode.offer(hosted) for mode in modes_compared(spec)}
    told = {mode.name: offer.told(usd_per_hour, seconds, rate) for mode, offer in offers.items()}
    bound = named or live_mode
    mode = mode_named(bound or planned)
    if bound is not None and (why := offers[mode].impossible_at(seconds)):
        raise DeploymentFailed(_cannot_be(spec, bound, why))
    others = (clause for other, clause in told.items() if other != mode.name)
    reason = reason_for(spec, live_mode, told[mode.name], others)
    if mode.name != planned:
        reason = f"planned as {planned}; {reason}"
    elif bound is None and (why := offers[mode].obstacle_at(seconds)):
        mode = _instead(offers, usd_per_hour, seconds, rate)
        reason = f"planned as {planned}, but {why}: {told[mode.name]}"
    offer = offers[mode]
    usd_per_month = offer.usd_per_month(usd_per_hour, seconds, rate)
    limit = spec.constraints.max_hosting_usd_per_month
    if mode.name not in (planned, named) and limit is not None and usd_per_month > limit:
        raise DeploymentFailed(
            f"{reason}, over max_hosting_usd_per_month {limit:g}. Raise it, or allow a smaller "
            "student"
        )
    return mode, HostingChoice(
        mode=mode.name,
        reason=reason,
        usd_per_month=usd_per_month,
        memory_gib=offer.memory_gib,
        max_concurrency=mode.max_concurrency(spec.load, seconds),
    )


def _instead(
    offers: Mapping[HostingMode, Offer], usd_per_hour: float, seconds: float, rate: float
) -> HostingMode:
    """The cheapest mode on the planned server; one that is always there can be had anywhere."""
    usd = {
        mode: offer.usd_per_month(usd_per_hour, seconds, rate)
        for mode, offer in offers.items()
        if mode.on_instances and offer.obstacle_at(seconds) is None
    }
    return min(usd, key=lambda mode: usd[mode])


def _cannot_be(spec: Spec, mode: ModeName, why: str) -> str:
    if spec.hosting.named is not None:
        return f"hosting.mode is {mode}, but {why}. Choose another mode, or auto"
    # SageMaker makes a serverless endpoint a real-time one, but never the way back: the
    # model in service could not be restored if the new one failed.
    return (
        f"{live_kind(spec, mode)}, but {why}. {_WAYS_OUT}, or let the plan choose a smaller model"
    )


def live_kind(spec: Spec, live_mode: ModeName) -> str:
    """What binds the mode of a spec with an endpoint in service, in words."""
    return f"the endpoint in service of {spec.name} is {live_mode} and keeps its kind"


def refuse_other_mode(spec: Spec, live_mode: ModeName | None) -> None:
    """An endpoint keeps its kind: SageMaker could not roll back what changes it.

    Raises:
        DeploymentFailed: the spec names a mode that its endpoint in service does not have.
    """
    named = spec.hosting.named
    if live_mode is not None and named not in (None, live_mode):
        raise DeploymentFailed(
            f"hosting.mode is {named}, but {live_kind(spec, live_mode)}. {_WAYS_OUT}, or leave "
            "hosting.mode at auto"
        )
