"""What is asked of the model: limits, traffic, and priorities."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator
from pydantic.json_schema import SkipJsonSchema

from stratos.frozen import FrozenModel

Probability = Annotated[float, Field(ge=0, le=1)]
LONGEST_COMPLETION_TOKENS = 8192
"""The most that a model is asked to write in one answer."""
CompletionTokens = Annotated[int, Field(ge=1, le=LONGEST_COMPLETION_TOKENS)]
MAX_ORIGINS = 6
"""Fleets are planned for every set of origins that an endpoint could serve."""
_ROUNDING = 1e-6
LONGEST_MEASURE_SECONDS = 600
"""Measuring ends then, enough requests or not: a Lambda function runs for 900."""
LATENCY_PERCENTILES = {
    "max_p50_latency_ms": 0.5,
    "max_p95_latency_ms": 0.95,
    "max_p99_latency_ms": 0.99,
}
"""Constraint → the percentile that it limits."""


class Constraints(FrozenModel):
    """Hard limits. A constraint you omit is not enforced."""

    min_accuracy: Probability | None = None
    """The lower end of the student's 95% Wilson interval on held-out records must reach this."""
    max_p50_latency_ms: PositiveFloat | None = None
    """Checked only after measurement: the planner forecasts the 95th percentile."""
    max_p95_latency_ms: PositiveFloat | None = None
    max_p99_latency_ms: PositiveFloat | None = None
    """The planner rules out a plan whose p95 exceeds it; p99 itself is checked after
    measurement."""
    max_training_hours: PositiveFloat | None = None
    """For the whole run. Waiting for a place among the runs of the stack does not count, nor does
    waiting for approval; waiting for another run of the spec to finish with the endpoint does."""
    max_budget_usd: PositiveFloat | None = None
    """Everything spent until the endpoint is in service, teacher tokens included. By default the
    stack's own limit, `stratos:default_max_budget_usd` (100 as shipped; 0 is none), which plan and
    report then call chosen by default. `stratos plan` asks no stack, and takes 100."""
    budget_by_default: SkipJsonSchema[
        Annotated[bool, Field(exclude_if=lambda chosen: not chosen)]
    ] = False
    """`max_budget_usd` is the stack's, which no spec says of itself."""
    max_hosting_usd_per_month: PositiveFloat | None = None
    max_usd_per_1000_requests: PositiveFloat | None = None
    """Hosting at the declared load. The lower end of the measured interval must not exceed it."""
    regions: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """Regions where training and serving may run, and data may lie. By default those that the stack
    works in: its own, and those of its worker stacks. A stack refuses a spec that leaves out its
    own region, or names one in which it has no worker."""
    servers_per_step: Annotated[
        Literal["auto"] | Annotated[int, Field(ge=1, le=16)],
        Field(exclude_if=lambda servers: servers == "auto"),
    ] = "auto"
    """Servers that share synthesis, and that share evaluation. `auto`: one; more only where one
    would outlast the step's share of the time, up to the account's quota. Records and scores are
    the same with any number, as far as a teacher answers the same request alike."""
    licences: tuple[str, ...] | None = None
    """SPDX identifiers of the licences that teacher and student may have."""

    @property
    def latencies(self) -> tuple[str, ...]:
        """The latency constraints that are given; only an endpoint can meet them."""
        return tuple(name for name in LATENCY_PERCENTILES if getattr(self, name) is not None)


class Load(FrozenModel):
    """The traffic under which the endpoint must meet its latency constraints."""

    requests_per_second: PositiveFloat = 1.0
    """At peak."""
    mean_requests_per_second: PositiveFloat | None = None
    """Average over the active hours; by default the same as at peak."""
    origins: Annotated[
        dict[str, PositiveFloat] | None,
        Field(min_length=1, max_length=MAX_ORIGINS, exclude_if=lambda origins: origins is None),
    ] = None
    """Where requests come from: region and requests per second at peak, such as `{us-east-1: 4,
    eu-west-1: 2}`. `requests_per_second` is their sum. Latency constraints hold for each of them,
    its distance to the endpoint included. By default all requests come from the stack's region."""
    active_hours_per_day: Annotated[float, Field(gt=0, le=24)] = 24.0
    """Hours per day in which there are any requests."""
    prompt_tokens: PositiveInt | None = None
    """Of one request; by default measured on the dataset."""
    output_tokens: PositiveInt | None = None
    measure_seconds: Annotated[float, Field(ge=2, le=LONGEST_MEASURE_SECONDS)] = 20.0
    """How long the endpoint is measured, warm-up excluded; longer if a latency constraint needs
    more requests."""

    @model_validator(mode="before")
    @classmethod
    def _sum_of_origins(cls, fields: object) -> object:
        """Add up the origins of a load that gives no sum of its own."""
        if not isinstance(fields, dict) or "requests_per_second" in fields:
            return fields
        rates = list(origins.values()) if isinstance(origins := fields.get("origins"), dict) else []
        if not rates or not all(isinstance(rate, int | float) and rate > 0 for rate in rates):
            return fields
        return fields | {"requests_per_second": math.fsum(rates)}

    @model_validator(mode="after")
    def _origins_add_up(self) -> Load:
        if self.origins is None:
            return self
        total = math.fsum(self.origins.values())
        if not math.isclose(total, self.requests_per_second, rel_tol=_ROUNDING):
            raise ValueError(
                f"origins add up to {total:g} requests per second, and requests_per_second is "
                f"{self.requests_per_second:g}; leave it out, or make the two agree"
            )
        return self

    @model_validator(mode="after")
    def _mean_below_peak(self) -> Load:
        mean = self.mean_requests_per_second
        if mean is not None and mean > self.requests_per_second:
            raise ValueError(
                f"mean_requests_per_second {mean:g} is above requests_per_second "
                f"{self.requests_per_second:g}, which is the peak"
            )
        return self

    def part(self, requests_per_second: float) -> Load:
        """The load that falls to an endpoint which takes so many of the requests at peak."""
        mean, share = self.mean_requests_per_second, requests_per_second / self.requests_per_second
        return self.model_copy(
            update={
                "requests_per_second": requests_per_second,
                "mean_requests_per_second": None if mean is None else mean * share,
                "origins": None,
            }
        )

    @property
    def has_lulls(self) -> bool:
        """Whether the traffic is sometimes below `requests_per_second`."""
        mean = self.mean_requests_per_second
        return self.active_hours_per_day < 24 or (
            mean is not None and mean < self.requests_per_second
        )


class Preferences(FrozenModel):
    """Weights of the objectives if several plans are feasible; only their ratios matter."""

    accuracy: Annotated[float, Field(ge=0)] = 1.0
    latency: Annotated[float, Field(ge=0)] = 1.0
    time: Annotated[float, Field(ge=0)] = 1.0
    cost: Annotated[float, Field(ge=0)] = 1.0
    latency_below_limit: Literal["enough", "counts"] = "enough"
    """What a p95 below `max_p95_latency_ms` is worth. `enough`: nothing more than the limit itself,
    so no money buys it. `counts`: the lower, the better."""

    @model_validator(mode="after")
    def _some_weight(self) -> Preferences:
        if self.accuracy + self.latency + self.time + self.cost == 0:
            raise ValueError("all weights are zero; give at least one objective some weight")
        return self
