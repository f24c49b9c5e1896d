"""How the model is hosted, and for how long."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from stratos.frozen import FrozenModel
from stratos.spec.hosting_modes import AUTO, HOSTING_MODES, AskedMode, ModeName

DEFAULT_TTL_HOURS = 24.0
"""How long an endpoint lives if the spec does not say."""
DEFAULT_MAX_ACCURACY_LOSS = 0.02
"""Share of held-out answers that a precision may cost if the spec does not say."""

CpuPrecision = Literal["float32", "float16", "q8_0", "q4_k_m"]
"""What llama.cpp serves weights in on CPUs: two as they are, two quantised."""
CPU_PRECISIONS: tuple[CpuPrecision, ...] = get_args(CpuPrecision)
QUANTISED: tuple[CpuPrecision, ...] = ("q8_0", "q4_k_m")


class Hosting(FrozenModel):
    """How the model is hosted, and how long the endpoint lives after the run."""

    mode: AskedMode = AUTO
    """`auto`: the planner picks among the modes that the declared traffic allows, on the same
    server the cheapest. `realtime`: instances run all the time. `serverless`: billed per second of
    answering; CPU only, 6 GB of memory at most. `async`: requests wait in a queue; while it is
    empty, no instance runs. `scale_to_zero`: answered in the call; without requests no instance
    runs, and after a pause requests are refused until an instance has started. `batch`: no
    endpoint; `stratos batch` asks many questions at once, on a server that runs only for that.
    `auto` never chooses `batch`."""
    max_cold_start_seconds: PositiveFloat | None = None
    """How long the first request after a pause may wait. If omitted, `auto` never scales to zero.
    Above 60, `auto` may choose `async`, whose answers are fetched later, or, if a latency is
    limited, `scale_to_zero`, whose clients retry until an instance is up."""
    precision: CpuPrecision | Literal["auto"] = "auto"
    """What a CPU endpoint holds the weights in. `auto`: the planner chooses, and what it chose is
    measured before it is deployed. `q8_0` and `q4_k_m` are quantised: about half and a quarter of
    `float16`, and faster, at a price in accuracy. On GPUs the plan's precision decides."""
    max_accuracy_loss: Annotated[float, Field(ge=0, le=1)] = DEFAULT_MAX_ACCURACY_LOSS
    """Share of held-out answers that a quantised model may lose against the same weights in full
    precision. One that loses more is not deployed; the best plan in full precision is."""
    max_instances: PositiveInt | None = None
    """The most instances that the fleet may grow to; by default as many as planned."""
    keep: bool = False
    """Keep the endpoint until somebody deletes it."""
    ttl_hours: PositiveFloat | None = None
    """Delete the endpoint after this time; 24 by default, unless `keep` is set."""

    @property
    def named(self) -> ModeName | None:
        """The mode that the spec names; None if the planner chooses."""
        return None if self.mode == AUTO else self.mode

    @property
    def has_endpoint(self) -> bool:
        """False for a model that is asked in batches."""
        return self.named is None or HOSTING_MODES[self.named].has_endpoint

    @property
    def lifetime_hours(self) -> float | None:
        """How long an endpoint lives; None: never expires."""
        return None if self.keep else self.ttl_hours or DEFAULT_TTL_HOURS

    @model_validator(mode="after")
    def _one_end(self) -> Hosting:
        if self.keep and self.ttl_hours is not None:
            raise ValueError("give `keep: true` or `ttl_hours`, not both")
        return self

    @model_validator(mode="after")
    def _only_endpoints_last(self) -> Hosting:
        """Refuse what only an endpoint can have."""
        for_endpoints = ("max_cold_start_seconds", "max_instances", "keep", "ttl_hours")
        given = [name for name in for_endpoints if getattr(self, name)]
        if given and not self.has_endpoint:
            raise ValueError(
                f"mode {self.mode} has no endpoint to apply {', '.join(given)} to; leave "
                f"{'them' if len(given) > 1 else 'it'} out, or choose another mode"
            )
        return self
