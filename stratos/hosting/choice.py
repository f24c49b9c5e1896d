"""Which mode a model gets: what binds it, and whether the planned one fits the real model."""

from __future__ import annotations

from collections.abc import Iterable

from stratos.catalog.images import architecture_of
from stratos.errors import DeploymentFailed
from stratos.hosting.container import ServingContainer
from stratos.hosting.deployment import HostingChoice
from stratos.hosting.modes.interface import HostingMode
from stratos.hosting.modes.table import endpoint_modes, mode_named
from stratos.hosting.offer import Hosted, Terms
from stratos.hosting.order import Order
from stratos.spec import ModeName, Spec
from stratos.units import dollars

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


def reason_for(
    spec: Spec,
    live_mode: ModeName | None,
    chosen: str,
    others: Iterable[str],
    instead_of: str = "instead of",
) -> str:
    """Why a mode is the one, in words.

    Args:
        chosen: What it costs, in words.
        others: The same of every other mode.
        instead_of: Words before those; a deployment knows them by the plan's forecast only.
    """
    if spec.hosting.named is not None:
        return f"the spec asks for {spec.hosting.named} hosting: {chosen}"
    if live_mode is not None:
        return f"the endpoint in service is {live_mode}, and stays so: {chosen}"
    instead = ", ".join(others)
    return f"{chosen}; {instead_of} {instead}" if instead else chosen


def choose_hosting(order: Order, container: ServingContainer) -> tuple[HostingMode, HostingChoice]:
    """Hold the plan's mode against the model that is there now.

    It is left only where it turned out impossible, or slower to start than the spec tolerates, or
    where the endpoint in service is of another kind; the choice then says so.

    Args:
        container: On the planned server.

    Raises:
        DeploymentFailed: the mode that is named, or that the endpoint in service has, cannot host
            the model; or no other one stays within `max_hosting_usd_per_month`.
    """
    spec, plan = order.spec, order.plan
    live_mode = order.live.mode if order.live else None
    refuse_other_mode(spec, live_mode)
    named, planned = spec.hosting.named, plan.hosting.mode
    bound = named or live_mode
    mode = mode_named(bound or planned)
    terms = _terms(mode, order, container)
    if bound is not None and terms.impossible:
        raise DeploymentFailed(_cannot_be(spec, bound, terms.impossible))
    reason = reason_for(spec, live_mode, terms.told, plan.hosting.instead_of, "planned instead of")
    if mode.name != planned:
        reason = f"planned as {planned}; {reason}"
    elif bound is None and terms.obstacle:
        why = terms.obstacle
        mode, terms = _instead(order, container)
        reason = f"planned as {planned}, but {why}: {terms.told}"
    limit = spec.constraints.max_hosting_usd_per_month
    if mode.name not in (planned, named) and limit is not None and terms.usd_per_month > limit:
        raise DeploymentFailed(
            f"{reason}, over max_hosting_usd_per_month {dollars(limit)}. Raise it, or allow a "
            "smaller student"
        )
    usd_per_month = terms.usd_per_month
    return mode, HostingChoice(mode=mode.name, reason=reason, usd_per_month=usd_per_month)


def _terms(mode: HostingMode, order: Order, container: ServingContainer) -> Terms:
    """What a mode comes to on the planned server."""
    plan = order.plan
    hosted = Hosted(
        order.spec,
        container.runtime,
        order.artifact.num_bytes,
        container.memory_gib or 0.0,
        architecture_of(plan.serving.instance_type),
    )
    seconds, rate = plan.p95_latency_ms.value / 1000, plan.requests_per_second.value
    return mode.offer(hosted).terms(plan.serving.usd_per_hour, seconds, rate)


def _instead(order: Order, container: ServingContainer) -> tuple[HostingMode, Terms]:
    """The cheapest mode on the planned server; one that is always there can be had anywhere."""
    found = [
        (mode, _terms(mode, order, container)) for mode in endpoint_modes() if mode.on_instances
    ]
    allowed = [(mode, terms) for mode, terms in found if terms.obstacle is None]
    return min(allowed, key=lambda pair: pair[1].usd_per_month)


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
