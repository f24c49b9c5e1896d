"""Serverless endpoints: billed for the seconds of answering, on processors AWS does not name."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from stratos.contracts.plan import Server
from stratos.hosting.container import THREADS
from stratos.hosting.deployment import Deployment, HostingChoice
from stratos.hosting.modes.interface import Parts
from stratos.hosting.modes.on_endpoint import OnEndpoint, endpoint
from stratos.hosting.monthly import HOURS_PER_MONTH, requests_per_month
from stratos.hosting.names import VARIANT
from stratos.hosting.next_server import NextServer, Tried, first_server
from stratos.hosting.offer import Bound, Hosted, Offer, cold_start_seconds, too_cold
from stratos.spec import Load, ModeName

USD_PER_GB_SECOND = 2e-5
"""On demand, us-east-1, from aws.amazon.com/sagemaker/pricing; other regions differ by some 20%."""

_MAX_CONCURRENCY = 200
"""Requests that one serverless endpoint answers at once, at most."""
_MEMORY_GIB = (1, 2, 3, 4, 5, 6)
"""Sizes that SageMaker offers."""
_FORECAST_ERROR = 1.15
"""How far the memory forecast of an engine may be out (docs/serving.md)."""
_PROXY_GIB = 0.1
"""Of what the image runs beside the engine: nginx."""
_MIB_PER_VCPU = 1769.0
"""AWS Lambda's ratio. Of serverless endpoints AWS says only that processors grow with memory."""
_BURST, _DEVIATIONS, _SPARE = 1.5, 4.0, 2
"""Containers for each request in flight on average, for each standard deviation of their number
(arrivals are Poisson), and besides. They cost nothing while they wait; one too few refuses."""
_START_SECONDS = 15.0
"""From the first request after a pause to its answer, before weights are read. Assumed: a
container starts, and llama.cpp in it at once."""


class Serverless(OnEndpoint):
    """Fits models for a CPU, within 6 GB of memory; a cold request waits for its container."""

    name = "serverless"
    on_instances = False

    def offer(self, hosted: Hosted) -> Offer:
        memory, load = memory_gib(hosted.memory_gib), hosted.spec.load
        impossible = None
        if hosted.runtime != "cpu":
            impossible = "serverless has no GPU, and the plan serves on one"
        elif hosted.architecture != "x86_64":
            impossible = "serverless runs on x86-64, and the plan serves on Graviton"
        elif memory is None:
            impossible = (
                f"serverless has {_MEMORY_GIB[-1]} GB of memory at most, and the model needs "
                f"{_with_reserve(hosted.memory_gib):.1f}"
            )
        memory = memory or _MEMORY_GIB[-1]
        cold_start = cold_start_seconds(_START_SECONDS, hosted)
        return Offer(
            self.name,
            usd_per_second=usd_per_month(load, memory),
            cold_start_seconds=cold_start,
            vcpu=vcpu(memory),
            impossible=impossible,
            unwanted=too_cold(cold_start, hosted.spec.hosting),
            possible_up_to=Bound(
                _most_in_flight() / load.requests_per_second,
                f"the requests at once would exceed its limit of {_MAX_CONCURRENCY}",
            ),
        )

    def told(self, server: Server) -> str:
        return f"a serverless endpoint in {server.region} (forecast by {server.instance_type})"

    def deployment(self, parts: Parts) -> Deployment:
        """It scales by itself, and SageMaker takes no guardrails of it."""
        order = parts.order
        needed = parts.container.memory_gib
        assert needed is not None, "a CPU's plan says what its engine takes"
        memory = memory_gib(needed)
        assert memory is not None, "what it cannot hold is never chosen"
        at_once = concurrency(order.spec.load, order.plan.p95_latency_ms.value / 1000)
        made = endpoint(
            parts,
            {
                "VariantName": VARIANT,
                "ModelName": order.name,
                "InitialVariantWeight": 1.0,
                "ServerlessConfig": {
                    "MemorySizeInMB": 1024 * memory,
                    "MaxConcurrency": at_once,
                },
            },
        )
        sizes = {"memory_gib": memory, "max_concurrency": at_once}
        return made.model_copy(
            update={
                "hosting": made.hosting.model_copy(update=sizes),
                "container": _with_threads(made.container, memory),
            }
        )

    def hosts(self, described: Mapping[str, Any]) -> bool:
        variants = described.get("ProductionVariants") or ()
        return any("CurrentServerlessConfig" in variant for variant in variants)

    def billed_usd_per_hour(self, server: Server) -> float:
        return 0.0

    def answering_usd(self, hosting: HostingChoice, seconds: float) -> float:
        return seconds * (hosting.memory_gib or 0) * USD_PER_GB_SECOND

    def next_server(self, tried: Tried) -> NextServer:
        """A server, unless the endpoint must stay serverless.

        SageMaker makes a serverless endpoint a real-time one, but never the way back: what was in
        service before could not be restored.
        """
        plan = first_server(tried.evidence, self.moves_to)
        if tried.spec.hosting.named == self.name:
            return NextServer(why="the spec asks for serverless hosting")
        if tried.replaces_former:
            return NextServer(why="the endpoint in service is serverless and keeps its kind")
        limit = tried.spec.constraints.max_hosting_usd_per_month
        monthly = plan.serving.usd_per_hour * HOURS_PER_MONTH
        if limit is not None and monthly > limit:
            why = f"its server's ${monthly:.2f} a month exceed max_hosting_usd_per_month"
            return NextServer(why=why)
        return NextServer(plan)

    @property
    def moves_to(self) -> ModeName:
        return "realtime"

    def after_the_move(self, moved: Deployment, before: HostingChoice) -> Deployment:
        why = f"{self.moves_to}, since serverless missed the load: {before.reason}"
        return moved.model_copy(
            update={
                "hosting": moved.hosting.model_copy(update={"reason": why}),
                "guardrails": None,  # of an endpoint that nobody uses yet
            }
        )


MODE = Serverless()


def _with_threads(container: Mapping[str, Any], memory_gib: int) -> dict[str, Any]:
    """llama.cpp would take a thread for each core of the host, of which it has only a share."""
    threads = {THREADS: str(max(1, int(vcpu(memory_gib))))}
    return {**container, "Environment": threads | container["Environment"]}


def memory_gib(engine_gib: float) -> int | None:
    """Memory for an engine that takes so much, or None where there is none so large.

    At least 2 GB: its processors grow with its memory, and 1 GB comes with less than one of them.
    """
    needed = max(2.0, _with_reserve(engine_gib))
    return next((size for size in _MEMORY_GIB if size >= needed), None)


def _with_reserve(engine_gib: float) -> float:
    return _FORECAST_ERROR * engine_gib + _PROXY_GIB


def vcpu(memory_gib: int) -> float:
    """Processors that come with so much memory; assumed."""
    return 1024 * memory_gib / _MIB_PER_VCPU


def usd_per_month(load: Load, memory_gib: int) -> float:
    """The bill of a month's requests for each second that one of them takes."""
    return requests_per_month(load) * memory_gib * USD_PER_GB_SECOND


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
