"""Which mode an endpoint gets: what binds it, and whether the planned one fits the real model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from stratos.catalog.images import runtime_of
from stratos.contracts.plan import Server
from stratos.errors import DeploymentFailed
from stratos.frozen import FrozenModel
from stratos.hosting.offer import MODES, Hosted, Offer, concurrency, offers_for
from stratos.spec import EndpointMode, HostingMode, Spec

_WAYS_OUT = "Delete it first (`stratos delete RUN`), give the spec another name"


class HostingChoice(FrozenModel):
    """The mode, and what it rests on."""

    mode: HostingMode
    reason: str
    usd_per_month: float
    memory_gib: int | None = None
    """Of a serverless endpoint."""
    max_concurrency: int | None = None
    """Of a serverless endpoint: requests answered at once."""


def modes_considered(spec: Spec, live_mode: EndpointMode | None) -> tuple[HostingMode, ...]:
    """The mode that the spec names or its endpoint in service has; else all that it tolerates.

    Raises:
        DeploymentFailed: the spec names a mode that its endpoint in service does not have.
    """
    refuse_other_mode(spec, live_mode)
    if spec.hosting.mode != "auto":
        return (spec.hosting.mode,)
    if live_mode is not None:
        return (live_mode,)
    cold = spec.hosting.max_cold_start_seconds is not None
    return MODES if cold else ("realtime",)  # every other one starts cold


def reason_for(
    spec: Spec, live_mode: EndpointMode | None, chosen: str, others: Iterable[str]
) -> str:
    """Why a mode is the one, in words.

    Args:
        chosen: What it costs, in words.
        others: The same of every other mode.
    """
    if spec.hosting.mode != "auto":
        return f"the spec asks for {spec.hosting.mode} hosting: {chosen}"
    if live_mode is not None:
        return f"the endpoint in service is {live_mode}, and stays so: {chosen}"
    return f"{chosen}; instead of {', '.join(others)}"


def choose_hosting(
    spec: Spec,
    server: Server,
    *,
    planned: EndpointMode,
    p95_latency_ms: float,
    artifact_bytes: int,
    live_mode: EndpointMode | None = None,
) -> HostingChoice:
    """Hold the plan's mode against the model that is there now.

    It is left only where it turned out impossible, or slower to start than the spec tolerates, or
    where the endpoint in service is of another kind; the choice then says so.

    Args:
        planned: Mode of the plan.
        p95_latency_ms: Of the plan, under the declared load.
        artifact_bytes: Size of model.tar.gz.
        live_mode: Of the endpoint in service under the spec's name, if one is.

    Raises:
        DeploymentFailed: the mode that is named, or that the endpoint in service has, cannot host
            the model; or no other one stays within `max_hosting_usd_per_month`.
    """
    refuse_other_mode(spec, live_mode)
    seconds, named = p95_latency_ms / 1000, spec.hosting.mode
    assert named != "batch", "which has no endpoint: `stratos.hosting.modes.batch.choose_batch`"
    offers = offers_for(Hosted(spec, runtime_of(server.instance_type), artifact_bytes))
    told = {mode: offer.told(server.usd_per_hour, seconds) for mode, offer in offers.items()}
    bound = named if named != "auto" else live_mode
    mode = bound or planned
    if bound is not None and (why := offers[bound].impossible_at(seconds)):
        raise DeploymentFailed(_cannot_be(spec, bound, why))
    others = (told[other] for other in offers if other != mode)
    reason = reason_for(spec, live_mode, told[mode], others)
    if mode != planned:
        reason = f"planned as {planned}; {reason}"
    elif bound is None and (why := offers[mode].obstacle_at(seconds)):
        mode = _instead(offers, server.usd_per_hour, seconds)
        reason = f"planned as {planned}, but {why}: {told[mode]}"
    offer = offers[mode]
    usd_per_month = offer.usd_per_month(server.usd_per_hour, seconds)
    limit = spec.constraints.max_hosting_usd_per_month
    if mode not in (planned, named) and limit is not None and usd_per_month > limit:
        raise DeploymentFailed(
            f"{reason}, over max_hosting_usd_per_month {limit:g}. Raise it, or allow a smaller "
            "student"
        )
    return HostingChoice(
        mode=mode,
        reason=reason,
        usd_per_month=usd_per_month,
        memory_gib=offer.memory_gib,
        max_concurrency=None if offer.on_instances else concurrency(spec.load, seconds),
    )


def _instead(
    offers: Mapping[EndpointMode, Offer], usd_per_hour: float, seconds: float
) -> EndpointMode:
    """The cheapest mode on the planned server; one that is always there can be had anywhere."""
    usd = {
        mode: offer.usd_per_month(usd_per_hour, seconds)
        for mode, offer in offers.items()
        if offer.on_instances and offer.obstacle_at(seconds) is None
    }
    return min(usd, key=lambda mode: usd[mode])


def _cannot_be(spec: Spec, mode: EndpointMode, why: str) -> str:
    if spec.hosting.mode != "auto":
        return f"hosting.mode is {mode}, but {why}. Choose another mode, or auto"
    # SageMaker makes a serverless endpoint a real-time one, but never the way back: the
    # model in service could not be restored if the new one failed.
    return (
        f"{live_kind(spec, mode)}, but {why}. {_WAYS_OUT}, or let the plan choose a smaller model"
    )


def live_kind(spec: Spec, live_mode: EndpointMode) -> str:
    """What binds the mode of a spec with an endpoint in service, in words."""
    return f"the endpoint in service of {spec.name} is {live_mode} and keeps its kind"


def refuse_other_mode(spec: Spec, live_mode: EndpointMode | None) -> None:
    """An endpoint keeps its kind: SageMaker could not roll back what changes it.

    Raises:
        DeploymentFailed: the spec names a mode that its endpoint in service does not have.
    """
    named = spec.hosting.mode
    if live_mode is not None and named not in ("auto", live_mode):
        raise DeploymentFailed(
            f"hosting.mode is {named}, but {live_kind(spec, live_mode)}. {_WAYS_OUT}, or leave "
            "hosting.mode at auto"
        )
