"""How an endpoint is hosted, from the traffic that the spec declares.

| Mode | Billed | Fits |
|---|---|---|
| `realtime` | every hour, for the fleet in service | everything |
| `serverless` | the seconds of answering, by memory | models for a CPU, within 6 GB of memory |
| `async` | the hours with something to do | who can wait minutes, and fetches the answers |
| `scale_to_zero` | the hours with something to do | who can ask again for minutes |
| `batch` | the time of each batch (`stratos.hosting.modes.batch`) | who asks many questions at once |

After a pause, a serverless request waits for its container and an asynchronous one in a queue. One
to an endpoint that has scaled to zero is refused, as is all that comes until an instance has
started; from then on answers come in the call.

One function a mode of endpoints says what it offers, all in the table `_OFFERS`. The planner asks
it for every server at once (`stratos.planning.candidates.hosting_modes`), and the deployment for the one that
was planned (`stratos.hosting.choice`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from stratos.catalog.servers import Runtime
from stratos.hosting.monthly import (
    HOURS_PER_MONTH,
    requests_per_month,
)
from stratos.spec import Constraints, EndpointMode, Hosting, Load, Spec

Number = TypeVar("Number", float, Any)
"""One number, or the planner's array of them."""

SERVERLESS_USD_PER_GB_SECOND = 2e-5
"""On demand, us-east-1, from aws.amazon.com/sagemaker/pricing; other regions differ by some 20%."""

_MAX_CONCURRENCY = 200
"""Requests that one serverless endpoint answers at once, at most."""
_SERVERLESS_GIB = (1, 2, 3, 4, 5, 6)
"""Memory sizes that SageMaker offers."""
_RUNTIME_GIB = 1.0
"""Of the server itself; a tiny model was measured at under half of it (docs/serving.md)."""
_MIB_PER_VCPU = 1769.0
"""AWS Lambda's ratio. Of serverless endpoints AWS says only that processors grow with memory."""
_WEIGHTS_PER_ARCHIVE = 2.5
"""Memory of float32 weights for each byte of an archive of 16-bit ones."""
_FLOAT32_BYTES = 4.0
_BURST, _DEVIATIONS, _SPARE = 1.5, 4.0, 2
"""Containers for each request in flight on average, for each standard deviation of their number
(arrivals are Poisson), and besides. They cost nothing while they wait; one too few refuses."""

_START_SECONDS: dict[EndpointMode, float] = {
    "realtime": 0.0,
    "serverless": 30.0,
    "async": 420.0,
    "scale_to_zero": 420.0,
}
"""From the first request after a pause to its answer, before weights are read. Assumed."""
_START_SECONDS_PER_GIB = 60.0
_GIB = 2.0**30
_SYNCHRONOUS_SECONDS = 60
"""SageMaker gives up on a synchronous request after this long."""
_IDLE_HOURS_PER_DAY = 0.5
"""A fleet that scales to none is billed that long after its last request, until it scales in."""
_QUEUE_SECONDS = 1.0
"""What the way through the bucket adds to an answer; assumed."""


@dataclass(frozen=True)
class Hosted:
    """What a mode is judged by: a model on one kind of processor, under one spec.

    Attributes:
        artifact_bytes: Size of model.tar.gz, or what it is expected to be.
    """

    spec: Spec
    runtime: Runtime
    artifact_bytes: float

    @property
    def weight_bytes(self) -> float:
        """In memory, as float32."""
        return _WEIGHTS_PER_ARCHIVE * self.artifact_bytes


@dataclass(frozen=True)
class Bound:
    """How long an answer may take, and what speaks against a longer one."""

    seconds: float = math.inf
    obstacle: str = ""


@dataclass(frozen=True)
class Offer:
    """One mode for one model: how it is billed, how it starts, and what speaks against it.

    A month's bill is a share of the server's hours plus a price for the seconds of an answer, so
    that the planner works it out for all servers at once.

    Attributes:
        on_instances: On the planned server, not on processors that SageMaker chooses.
        share_of_hours: Hours billed at the server's price, of all.
        usd_per_second: A month's bill for each second that one answer takes.
        cold_start_seconds: From the first request after a pause to its answer.
        memory_gib: Of a serverless endpoint.
        impossible: Why it cannot be, whatever the server.
        unwanted: Why it is not chosen unless the spec names it.
        remark: What whoever chooses it should know.
        possible_up_to: It cannot be where answers take longer.
        wanted_up_to: It is not chosen where they do, unless the spec names it.
    """

    mode: EndpointMode
    on_instances: bool = True
    share_of_hours: float = 0.0
    usd_per_second: float = 0.0
    cold_start_seconds: float = 0.0
    memory_gib: int | None = None
    impossible: str | None = None
    unwanted: str | None = None
    remark: str | None = None
    possible_up_to: Bound = Bound()
    wanted_up_to: Bound = Bound()

    def usd_per_month(self, usd_per_hour: Number, seconds: Number) -> Number:
        """The bill on a server of this price, where an answer takes so long.

        Args:
            seconds: At the 95th percentile, to be on the safe side.
        """
        by_hour = usd_per_hour * (HOURS_PER_MONTH * self.share_of_hours)
        return by_hour + seconds * self.usd_per_second

    def impossible_at(self, seconds: float) -> str | None:
        """Why it cannot be where an answer takes so long; None where it can."""
        if self.impossible is None and seconds > self.possible_up_to.seconds:
            return self.possible_up_to.obstacle
        return self.impossible

    def obstacle_at(self, seconds: float) -> str | None:
        """Why it is not chosen where an answer takes so long."""
        obstacle = self.impossible_at(seconds) or self.unwanted
        if obstacle is None and seconds > self.wanted_up_to.seconds:
            return self.wanted_up_to.obstacle
        return obstacle

    def told(self, usd_per_hour: float, seconds: float) -> str:
        """Mode, bill and obstacle in one clause."""
        if impossible := self.impossible_at(seconds):
            return f"{self.mode} ({impossible})"
        cost = f"${self.usd_per_month(usd_per_hour, seconds):.2f} a month"
        obstacle = self.obstacle_at(seconds) or self.remark
        return f"{self.mode} {cost}" + (f" ({obstacle})" if obstacle else "")


def offers_for(hosted: Hosted) -> dict[EndpointMode, Offer]:
    """Every mode, possible or not."""
    return {mode: offer(hosted) for mode, offer in _OFFERS.items()}


def expected_artifact_bytes(num_parameters: float) -> float:
    """Size of a student's model.tar.gz, before there is one."""
    return _FLOAT32_BYTES * num_parameters / _WEIGHTS_PER_ARCHIVE


def asynchronous_share(load: Load) -> float:
    """Share of the hours in which a fleet is billed that has no instance without requests."""
    return min(1.0, (load.active_hours_per_day + _IDLE_HOURS_PER_DAY) / 24)


def serverless_gib(weight_bytes: float) -> int | None:
    """Memory for a model with so many bytes of weights, or None where there is none so large.

    At least 2 GB: its processors grow with its memory, and 1 GB comes with less than one of them.
    """
    needed = max(2.0, _RUNTIME_GIB + weight_bytes / _GIB)
    return next((size for size in _SERVERLESS_GIB if size >= needed), None)


def serverless_vcpu(memory_gib: int) -> float:
    """Processors that come with so much memory; assumed."""
    return 1024 * memory_gib / _MIB_PER_VCPU


def serverless_usd_per_month(load: Load, memory_gib: int) -> float:
    """The bill of a month's requests for each second that one of them takes."""
    return requests_per_month(load) * memory_gib * SERVERLESS_USD_PER_GB_SECOND


# --- one offer for each mode ------------------------------------------------------------------


def _realtime(hosted: Hosted) -> Offer:
    return Offer("realtime", share_of_hours=1.0)


def _serverless(hosted: Hosted) -> Offer:
    memory = serverless_gib(hosted.weight_bytes)
    cold_start = _cold_start("serverless", hosted)
    impossible = None
    if hosted.runtime != "cpu":
        impossible = "serverless has no GPU, and the plan serves on one"
    elif memory is None:
        impossible = (
            f"serverless has {_SERVERLESS_GIB[-1]} GB of memory at most, and the model needs "
            f"{_RUNTIME_GIB + hosted.weight_bytes / _GIB:.1f}"
        )
    load = hosted.spec.load
    memory = memory or _SERVERLESS_GIB[-1]
    return Offer(
        "serverless",
        on_instances=False,
        usd_per_second=serverless_usd_per_month(load, memory),
        cold_start_seconds=cold_start,
        memory_gib=memory,
        impossible=impossible,
        unwanted=_too_cold(cold_start, hosted.spec.hosting),
        possible_up_to=Bound(
            _most_in_flight() / load.requests_per_second,
            f"the requests at once would exceed its limit of {_MAX_CONCURRENCY}",
        ),
    )


def _asynchronous(hosted: Hosted) -> Offer:
    cold_start, spec = _cold_start("async", hosted), hosted.spec
    unwanted = _too_cold(cold_start, spec.hosting)
    tolerated = spec.hosting.max_cold_start_seconds or 0.0
    if unwanted is None and tolerated <= _SYNCHRONOUS_SECONDS:
        unwanted = "its requests are not answered in the call"
    shortest = min(_latencies_asked(spec.constraints), default=math.inf)
    return Offer(
        "async",
        share_of_hours=asynchronous_share(spec.load),
        cold_start_seconds=cold_start,
        unwanted=unwanted,
        wanted_up_to=Bound(shortest - _QUEUE_SECONDS, "its queue may exceed the latency asked"),
    )


def _scale_to_zero(hosted: Hosted) -> Offer:
    """Refusals are for who limits the latency of an answer: a queue's comes when it comes."""
    cold_start, spec = _cold_start("scale_to_zero", hosted), hosted.spec
    unwanted = _too_cold(cold_start, spec.hosting)
    if unwanted is None and not _latencies_asked(spec.constraints):
        unwanted = "it refuses requests while it starts, and no latency speaks against a queue"
    return Offer(
        "scale_to_zero",
        share_of_hours=asynchronous_share(spec.load),
        cold_start_seconds=cold_start,
        unwanted=unwanted,
        remark=f"after a pause it refuses requests for about {cold_start:.0f} s, which is assumed "
        "and not measured",
    )


_OFFERS: dict[EndpointMode, Callable[[Hosted], Offer]] = {
    "realtime": _realtime,
    "serverless": _serverless,
    "scale_to_zero": _scale_to_zero,
    "async": _asynchronous,
}
"""Of modes that cost the same, the first is chosen."""
MODES: tuple[EndpointMode, ...] = tuple(_OFFERS)


def concurrency(load: Load, seconds: float) -> int:
    """Requests that a serverless endpoint is to answer at once under the load."""
    in_flight = load.requests_per_second * seconds
    wanted = _BURST * in_flight + _DEVIATIONS * math.sqrt(in_flight) + _SPARE
    return min(_MAX_CONCURRENCY, math.ceil(wanted))


def _most_in_flight() -> float:
    """Mean requests in flight at which `concurrency` reaches the limit."""
    room = _MAX_CONCURRENCY - _SPARE
    root = math.sqrt(_DEVIATIONS**2 + 4 * _BURST * room)
    return float(((root - _DEVIATIONS) / (2 * _BURST)) ** 2)


def _cold_start(mode: EndpointMode, hosted: Hosted) -> float:
    return _START_SECONDS[mode] + _START_SECONDS_PER_GIB * hosted.artifact_bytes / _GIB


def _latencies_asked(asked: Constraints) -> list[float]:
    """Seconds, by whatever percentiles the spec limits."""
    limits = (asked.max_p50_latency_ms, asked.max_p95_latency_ms, asked.max_p99_latency_ms)
    return [limit / 1000 for limit in limits if limit is not None]


def _too_cold(seconds: float, hosting: Hosting) -> str | None:
    tolerated = hosting.max_cold_start_seconds
    if tolerated is None:
        return f"a cold start of about {seconds:.0f} s, and the spec tolerates none"
    if tolerated < seconds:
        return f"a cold start of about {seconds:.0f} s, over max_cold_start_seconds {tolerated:g}"
    return None
