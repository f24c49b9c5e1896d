"""How an endpoint is hosted, from the traffic that the spec declares.

| Mode | Billed | Fits |
|---|---|---|
| `realtime` | every hour, for the fleet in service | everything |
| `serverless` | the seconds of answering, by memory | models for a CPU, within 6 GB of memory |
| `async` | the hours with something to do | who can wait minutes, and fetches the answers |

After a pause, a serverless request waits for its container and an asynchronous one in a queue.
Inference components that scale to zero refuse what comes while they start, so they are not among
the choices.
"""

from __future__ import annotations

import math

from stratos.catalog.images import runtime_of
from stratos.errors import DeploymentFailed
from stratos.frozen import FrozenModel
from stratos.plan import Server
from stratos.spec import EndpointMode, Hosting, Load, Spec

HOURS_PER_MONTH = 730.0
SERVERLESS_USD_PER_GB_SECOND = 2e-5
"""On demand, us-east-1, from aws.amazon.com/sagemaker/pricing; other regions differ by some 20%."""

_DAYS_PER_MONTH = HOURS_PER_MONTH / 24
_SERVERLESS_GIB = (1, 2, 3, 4, 5, 6)
"""Memory sizes that SageMaker offers."""
_MAX_CONCURRENCY = 200
_RUNTIME_GIB = 1.0
"""Of the server itself; a tiny model was measured at under half of it (docs/serving.md)."""
_WEIGHTS_PER_ARCHIVE = 2.5
"""Memory of float32 weights for each byte of an archive of 16-bit ones."""
_SERVERLESS_HEADROOM = 2.0
"""Its processors are fewer than a server's, so the forecast must leave as much room again."""
_BURST = 1.5
"""Containers for each request in flight on average."""

_WAYS_OUT = "Delete it first (`stratos delete RUN`), give the spec another name"

_START_SECONDS: dict[EndpointMode, float] = {"realtime": 0.0, "serverless": 30.0, "async": 420.0}
"""From the first request after a pause to its answer, before weights are read. Assumed."""
_START_SECONDS_PER_GIB = 60.0
_GIB = 2.0**30
_SYNCHRONOUS_SECONDS = 60
"""SageMaker gives up on a synchronous request after this long."""
_IDLE_HOURS_PER_DAY = 0.5
"""An asynchronous endpoint is billed that long after its last request, until it scales in."""


class HostingChoice(FrozenModel):
    """The mode, and what it rests on."""

    mode: EndpointMode
    reason: str
    usd_per_month: float
    memory_gib: int | None = None
    """Of a serverless endpoint."""
    max_concurrency: int | None = None
    """Of a serverless endpoint: requests answered at once."""


class _Offer(FrozenModel):
    """One mode for one model: its bill, and what speaks against it."""

    choice: HostingChoice
    impossible: str | None = None
    unwanted: str | None = None
    """Why it is not chosen unless the spec names it."""

    def told(self) -> str:
        obstacle = self.impossible or self.unwanted
        cost = f"${self.choice.usd_per_month:.2f} a month"
        return f"{self.choice.mode} {cost}" + (f" ({obstacle})" if obstacle else "")


def choose_hosting(
    spec: Spec,
    server: Server,
    *,
    p95_latency_ms: float,
    artifact_bytes: int,
    live_mode: EndpointMode | None = None,
) -> HostingChoice:
    """The mode that the spec names, else the cheapest that its traffic and constraints allow.

    Args:
        p95_latency_ms: Forecast for the server, under the declared load.
        artifact_bytes: Size of model.tar.gz.
        live_mode: Of the endpoint in service under the spec's name, if one is.

    Raises:
        DeploymentFailed: the mode that is named, or that the endpoint in service has, cannot host
            the model.
    """
    refuse_other_mode(spec, live_mode)
    seconds = p95_latency_ms / 1000
    offers = {
        offer.choice.mode: offer
        for offer in (
            _realtime(server),
            _serverless(spec, server, seconds, artifact_bytes),
            _asynchronous(spec, server, artifact_bytes),
        )
    }
    named = spec.hosting.mode
    if named != "auto":
        offer = offers[named]
        if offer.impossible:
            raise DeploymentFailed(
                f"hosting.mode is {named}, but {offer.impossible}. Choose another mode, or auto"
            )
        return offer.choice.model_copy(
            update={"reason": f"the spec asks for {named} hosting: {offer.told()}"}
        )
    if live_mode is not None:
        kept = offers[live_mode]
        if kept.impossible:
            # SageMaker makes a serverless endpoint a real-time one, but never the way back: the
            # model in service could not be restored if the new one failed.
            raise DeploymentFailed(
                f"the endpoint in service of {spec.name} is {live_mode} and keeps its kind, but "
                f"{kept.impossible}. {_WAYS_OUT}, or let the plan choose a smaller model"
            )
        reason = f"the endpoint in service is {live_mode}, and stays so: {kept.told()}"
        return kept.choice.model_copy(update={"reason": reason})
    free = [o for o in offers.values() if not (o.impossible or o.unwanted)]
    best = min(free, key=lambda offer: offer.choice.usd_per_month)
    others = ", ".join(offer.told() for offer in offers.values() if offer is not best)
    reason = f"{best.told()}; instead of {others}"
    return best.choice.model_copy(update={"reason": reason})


def refuse_other_mode(spec: Spec, live_mode: EndpointMode | None) -> None:
    """An endpoint keeps its kind: SageMaker could not roll back what changes it.

    Raises:
        DeploymentFailed: the spec names a mode that its endpoint in service does not have.
    """
    named = spec.hosting.mode
    if live_mode is not None and named not in ("auto", live_mode):
        raise DeploymentFailed(
            f"hosting.mode is {named}, but the endpoint in service of {spec.name} is {live_mode} "
            f"and keeps its kind. {_WAYS_OUT}, or leave hosting.mode at auto"
        )


def asynchronous_share(load: Load) -> float:
    """Share of the hours in which an asynchronous fleet is billed."""
    return min(1.0, (load.active_hours_per_day + _IDLE_HOURS_PER_DAY) / 24)


def serverless_gib(weight_bytes: float) -> int | None:
    """Memory for a model with so many bytes of weights, or None where there is none so large.

    At least 2 GB: its processors grow with its memory, and 1 GB comes with less than one of them.
    """
    needed = max(2.0, _RUNTIME_GIB + weight_bytes / _GIB)
    return next((size for size in _SERVERLESS_GIB if size >= needed), None)


def serverless_usd_per_month(load: Load, memory_gib: int) -> float:
    """The bill of a month's requests for each second that one of them takes."""
    return requests_per_month(load) * memory_gib * SERVERLESS_USD_PER_GB_SECOND


def usd_per_busy_hour(usd_per_hour: float, load: Load) -> float:
    """The bill of an hour in which requests come at the declared rate.

    Args:
        usd_per_hour: Averaged over a month, lulls included.
    """
    busy_hours = requests_per_month(load) / (3600 * load.requests_per_second)
    return usd_per_hour * HOURS_PER_MONTH / busy_hours


def requests_per_month(load: Load) -> float:
    mean = load.mean_requests_per_second or load.requests_per_second
    return mean * 3600 * load.active_hours_per_day * _DAYS_PER_MONTH


def _realtime(server: Server) -> _Offer:
    usd = server.usd_per_hour * HOURS_PER_MONTH
    return _Offer(choice=HostingChoice(mode="realtime", reason="", usd_per_month=usd))


def _serverless(spec: Spec, server: Server, seconds: float, artifact_bytes: int) -> _Offer:
    weight_bytes = _WEIGHTS_PER_ARCHIVE * artifact_bytes
    memory = serverless_gib(weight_bytes)
    concurrency = math.ceil(spec.load.requests_per_second * seconds * _BURST) + 1
    limit = spec.constraints.max_p95_latency_ms
    impossible = unwanted = None
    if runtime_of(server.instance_type) != "cpu":
        impossible = f"serverless has no GPU, and the plan serves on {server.instance_type}"
    elif memory is None:
        impossible = (
            f"serverless has {_SERVERLESS_GIB[-1]} GB of memory at most, and the model needs "
            f"{_RUNTIME_GIB + weight_bytes / _GIB:.1f}"
        )
    elif concurrency > _MAX_CONCURRENCY:
        impossible = f"{concurrency} requests at once exceed its limit of {_MAX_CONCURRENCY}"
    elif limit is not None and seconds * 1000 * _SERVERLESS_HEADROOM > limit:
        unwanted = "its processors may miss max_p95_latency_ms"
    elif cold := _too_cold("serverless", spec.hosting, artifact_bytes):
        unwanted = cold
    memory = memory or _SERVERLESS_GIB[-1]
    return _Offer(
        choice=HostingChoice(
            mode="serverless",
            reason="",
            usd_per_month=seconds * serverless_usd_per_month(spec.load, memory),
            memory_gib=memory,
            max_concurrency=min(concurrency, _MAX_CONCURRENCY),
        ),
        impossible=impossible,
        unwanted=unwanted,
    )


def _asynchronous(spec: Spec, server: Server, artifact_bytes: int) -> _Offer:
    usd = server.usd_per_hour * HOURS_PER_MONTH * asynchronous_share(spec.load)
    unwanted = _too_cold("async", spec.hosting, artifact_bytes)
    tolerated = spec.hosting.max_cold_start_seconds or 0.0
    if unwanted is None and tolerated <= _SYNCHRONOUS_SECONDS:
        unwanted = "its requests are not answered in the call"
    return _Offer(
        choice=HostingChoice(mode="async", reason="", usd_per_month=usd), unwanted=unwanted
    )


def _too_cold(mode: EndpointMode, hosting: Hosting, artifact_bytes: int) -> str | None:
    seconds = _START_SECONDS[mode] + _START_SECONDS_PER_GIB * artifact_bytes / _GIB
    tolerated = hosting.max_cold_start_seconds
    if tolerated is None:
        return f"a cold start of about {seconds:.0f} s, and the spec tolerates none"
    if tolerated < seconds:
        return f"a cold start of about {seconds:.0f} s, over max_cold_start_seconds {tolerated:g}"
    return None
