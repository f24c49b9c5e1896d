"""What becomes of the endpoint."""

from __future__ import annotations

from pydantic import PositiveFloat, PositiveInt, model_validator

from stratos.frozen import FrozenModel
from stratos.spec.hosting_modes import AUTO, HOSTING_MODES, AskedMode, ModeName

DEFAULT_TTL_HOURS = 24.0
"""How long an endpoint lives where the spec does not say."""


class Hosting(FrozenModel):
    """How the model is hosted, and what becomes of the endpoint after the run."""

    mode: AskedMode = AUTO
    """`auto`: the plan chooses among those that the declared traffic allows, on the same server the
    cheapest. `serverless`: billed by the second of answering, CPU and 6 GB at most. `async`:
    requests wait in a queue, and without any there is no instance. `scale_to_zero`: answered in the
    call, and without requests there is no instance; the first one after a pause is refused, and so
    is every other until an instance has started. `batch`: there is no endpoint; `stratos batch`
    asks many questions at once, and a server runs for as long as that takes. `auto` never chooses
    it."""
    max_cold_start_seconds: PositiveFloat | None = None
    """How long the first request after a pause may wait. Left out, `auto` never scales to zero;
    above 60, `auto` may choose `async`, whose answers are fetched later, or, where a latency is
    limited, `scale_to_zero`, whose clients repeat what is refused for so long."""
    max_instances: PositiveInt | None = None
    """How far the fleet may grow; no further than planned where left out."""
    keep: bool = False
    """Stay until deleted by hand."""
    ttl_hours: PositiveFloat | None = None
    """Delete the endpoint after this time; 24 where neither is given."""

    @property
    def named(self) -> ModeName | None:
        """The mode that the spec asks for; None where the plan chooses."""
        return None if self.mode == AUTO else self.mode

    @property
    def has_endpoint(self) -> bool:
        """Without one, the model is asked in batches."""
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
