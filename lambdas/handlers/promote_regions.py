"""PromoteRegions: from now on the run's model is the one in service, in every region or in none."""

from __future__ import annotations

from lambdas.serving.regional_promotion import promote
from lambdas.step import step
from stratos.pipeline.region_endpoints import PromotedRegions, PromoteRegionsInput


@step
def handler(payload: PromoteRegionsInput) -> PromotedRegions:
    """Make every region ready, put the model into service, and tell the regions.

    Raises:
        RegionUnreachable: a region does not answer; nothing has changed for anybody.
        DeploymentFailed: an endpoint is not what was measured; the same.
    """
    return promote(payload)
