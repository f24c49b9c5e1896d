"""What is asked of the model: limits, traffic, and what matters most."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from stratos.frozen import FrozenModel

Probability = Annotated[float, Field(ge=0, le=1)]
LONGEST_COMPLETION_TOKENS = 8192
"""No model is asked to write more in one go."""
CompletionTokens = Annotated[int, Field(ge=1, le=LONGEST_COMPLETION_TOKENS)]
LONGEST_MEASURE_SECONDS = 600
"""Measuring ends then, enough requests or not: a Lambda function runs for 900."""
LATENCY_PERCENTILES = {
    "max_p50_latency_ms": 0.5,
    "max_p95_latency_ms": 0.95,
    "max_p99_latency_ms": 0.99,
}
"""Constraint → the percentile that it limits."""


class Constraints(FrozenModel):
    """Hard limits. What is left out does not bind."""

    min_accuracy: Probability | None = None
    """The lower end of the student's 95% Wilson interval on held-out records must reach this."""
    max_p50_latency_ms: PositiveFloat | None = None
    """A gate after measurement only: the planner forecasts the 95th percentile."""
    max_p95_latency_ms: PositiveFloat | None = None
    max_p99_latency_ms: PositiveFloat | None = None
    """The planner rules out a plan whose p95 exceeds it; the rest is a gate after measurement."""
    max_training_hours: PositiveFloat | None = None
    """The whole run's, without its wait for approval. Waiting for another run of the spec to be
    done with the endpoint counts."""
    max_budget_usd: PositiveFloat | None = None
    """Everything spent until the endpoint is in service, teacher tokens included."""
    max_hosting_usd_per_month: PositiveFloat | None = None
    max_usd_per_1000_requests: PositiveFloat | None = None
    """Hosting at the declared load; the lower end of the measured interval must not exceed it."""
    regions: tuple[str, ...] | None = None
    """Regions that may serve and train; the stack's own where left out."""
    licences: tuple[str, ...] | None = None
    """SPDX identifiers that teacher and student may carry."""

    @property
    def latencies(self) -> tuple[str, ...]:
        """The latency constraints that are given, which only an endpoint can hold."""
        return tuple(name for name in LATENCY_PERCENTILES if getattr(self, name) is not None)


class Load(FrozenModel):
    """The traffic the endpoint must hold its latency under."""

    requests_per_second: PositiveFloat = 1.0
    """At its busiest."""
    mean_requests_per_second: PositiveFloat | None = None
    """Over the active hours; as many as at its busiest where left out."""
    active_hours_per_day: Annotated[float, Field(gt=0, le=24)] = 24.0
    """Hours of a day in which there are requests at all."""
    prompt_tokens: PositiveInt | None = None
    """Measured on the dataset where left out."""
    output_tokens: PositiveInt | None = None
    measure_seconds: Annotated[float, Field(ge=2, le=LONGEST_MEASURE_SECONDS)] = 20.0
    """How long the endpoint is measured for, warm-up excluded; longer where a latency constraint
    needs more requests."""

    @model_validator(mode="after")
    def _mean_below_peak(self) -> Load:
        mean = self.mean_requests_per_second
        if mean is not None and mean > self.requests_per_second:
            raise ValueError(
                f"mean_requests_per_second {mean:g} is above requests_per_second "
                f"{self.requests_per_second:g}, which is the traffic at its busiest"
            )
        return self

    @property
    def has_lulls(self) -> bool:
        """Whether the traffic is less than `requests_per_second` for some of the time."""
        mean = self.mean_requests_per_second
        return self.active_hours_per_day < 24 or (
            mean is not None and mean < self.requests_per_second
        )


class Preferences(FrozenModel):
    """Weights of the objectives when several plans are feasible; only their ratios matter."""

    accuracy: Annotated[float, Field(ge=0)] = 1.0
    latency: Annotated[float, Field(ge=0)] = 1.0
    time: Annotated[float, Field(ge=0)] = 1.0
    cost: Annotated[float, Field(ge=0)] = 1.0

    @model_validator(mode="after")
    def _some_weight(self) -> Preferences:
        if self.accuracy + self.latency + self.time + self.cost == 0:
            raise ValueError("all weights are zero; give at least one objective some weight")
        return self
