"""What a mode offers for one model: how it is billed, how it starts, what speaks against it.

The planner works an offer out for every server at once, as arrays; the deployment for the server
that was planned.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeVar

from stratos.catalog.images import Architecture
from stratos.catalog.servers import Runtime
from stratos.hosting.monthly import HOURS_PER_MONTH
from stratos.spec import Constraints, Hosting, Load, ModeName, Spec
from stratos.units import GIB, dollars, figure

Amount = TypeVar("Amount", float, Any)
"""One number, or the planner's array of them."""

MAX_UTILISATION = 0.7
"""Of a fleet under load: above it queues grow faster than any forecast of the load."""
INSTANCE_START_SECONDS: dict[Runtime, float] = {"cpu": 300.0, "cuda": 420.0}
"""From the first request after a pause until an instance answers, before weights are read.
Assumed: the instance itself, its image, and on a GPU what vLLM compiles."""
_START_SECONDS_PER_GIB = 60.0
_IDLE_HOURS_PER_DAY = 0.5
"""A fleet that scales to none is billed that long after its last request, until it scales in."""


@dataclass(frozen=True)
class Hosted:
    """What a mode is judged by: a model on one kind of processor, under one spec.

    Attributes:
        artifact_bytes: Size of model.tar.gz, or what it is expected to be.
        memory_gib: What its engine takes for one replica, by forecast.
    """

    spec: Spec
    runtime: Runtime
    artifact_bytes: float
    memory_gib: float
    architecture: Architecture = "x86_64"

    @property
    def instance_start_seconds(self) -> float:
        """Until an instance that had to be started answers, before weights are read."""
        return INSTANCE_START_SECONDS.get(self.runtime, max(INSTANCE_START_SECONDS.values()))


@dataclass(frozen=True)
class Bound:
    """How long an answer may take, and what speaks against a longer one."""

    seconds: float = math.inf
    obstacle: str = ""


@dataclass(frozen=True)
class Terms:
    """An offer on one server, where an answer takes so long.

    Attributes:
        impossible: Why it cannot be; None where it can.
        obstacle: Why it is not chosen unless the spec names it.
        told: Mode, bill and obstacle in one clause.
    """

    usd_per_month: float
    impossible: str | None
    obstacle: str | None
    told: str


@dataclass(frozen=True)
class Offer:
    """One mode for one model.

    A month's bill has three parts: a share of the server's hours, the seconds of answers, and the
    hours of work alone. Each mode has one of them, as a rule.

    Attributes:
        share_of_hours: Hours billed at the server's price, of all.
        usd_per_second: A month's bill for each second that one answer takes.
        worked_off_per_month: Requests whose work is billed at the server's price, and nothing else.
        requests_per_second: What its servers must sustain.
        max_utilisation: How much of what they sustain may be asked of them.
        cold_start_seconds: From the first request after a pause to its answer.
        vcpu: Processors that it has, where SageMaker chooses them.
        impossible: Why it cannot be, whatever the server.
        unwanted: Why it is not chosen unless the spec names it.
        remark: What whoever chooses it should know.
        possible_up_to: It cannot be where answers take longer.
        wanted_up_to: It is not chosen where they do, unless the spec names it.
    """

    mode: ModeName
    share_of_hours: float = 0.0
    usd_per_second: float = 0.0
    worked_off_per_month: float = 0.0
    requests_per_second: float = 0.0
    max_utilisation: float = MAX_UTILISATION
    cold_start_seconds: float = 0.0
    vcpu: float | None = None
    impossible: str | None = None
    unwanted: str | None = None
    remark: str | None = None
    possible_up_to: Bound = Bound()
    wanted_up_to: Bound = Bound()

    def usd_per_month(
        self, usd_per_hour: Amount, seconds: Amount, requests_per_second: Amount
    ) -> Amount:
        """The bill on a server of this price.

        Args:
            seconds: That an answer takes at the 95th percentile, to be on the safe side.
            requests_per_second: That the server sustains.
        """
        if self.worked_off_per_month:
            return usd_per_hour * self.worked_off_per_month / (3600 * requests_per_second)
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

    def terms(self, usd_per_hour: float, seconds: float, requests_per_second: float) -> Terms:
        """What it comes to on one server."""
        usd_per_month = self.usd_per_month(usd_per_hour, seconds, requests_per_second)
        impossible, obstacle = self.impossible_at(seconds), self.obstacle_at(seconds)
        if impossible is not None:
            told = f"{self.mode} ({impossible})"
        else:
            remark = obstacle or self.remark
            cost = f"{self.mode} {dollars(usd_per_month)} a month"
            told = f"{cost} ({remark})" if remark else cost
        return Terms(usd_per_month, impossible, obstacle, told)


def share_of_busy_hours(load: Load) -> float:
    """Share of the hours in which a fleet is billed that has no instance without requests."""
    return min(1.0, (load.active_hours_per_day + _IDLE_HOURS_PER_DAY) / 24)


def cold_start_seconds(start_seconds: float, hosted: Hosted) -> float:
    """From the first request after a pause to its answer, the weights read."""
    return start_seconds + _START_SECONDS_PER_GIB * hosted.artifact_bytes / GIB


def too_cold(seconds: float, hosting: Hosting) -> str | None:
    """Why a cold start of so long is not chosen; None where the spec tolerates it."""
    tolerated = hosting.max_cold_start_seconds
    if tolerated is None:
        return f"a cold start of about {seconds:.0f} s, and the spec tolerates none"
    if tolerated < seconds:
        limit = figure(tolerated)
        return f"a cold start of about {seconds:.0f} s, over max_cold_start_seconds {limit}"
    return None


def latencies_asked(asked: Constraints) -> list[float]:
    """Seconds, by whatever percentiles the spec limits."""
    limits = (asked.max_p50_latency_ms, asked.max_p95_latency_ms, asked.max_p99_latency_ms)
    return [limit / 1000 for limit in limits if limit is not None]
