"""RetireFormer: what answered before is deleted, once no client asks it any more."""

from __future__ import annotations

from lambdas.serving.regional_promotion import retire
from lambdas.step import step
from stratos.pipeline.region_endpoints import Retired, RetireInput


@step
def handler(payload: RetireInput) -> Retired:
    """Delete the former endpoints, and give back the turn. What cannot be reached is swept."""
    return retire(payload.run, payload.former)
