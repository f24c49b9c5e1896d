"""WatchEndpoint: a look at an endpoint that is being made in this region; home hears that it is."""

from __future__ import annotations

from lambdas.aws.sagemaker import describe_endpoint
from lambdas.regions.answers import heartbeat
from lambdas.step import logger, step
from stratos.errors import DeploymentFailed, HomeUnreachable
from stratos.pipeline.region_endpoints import EndpointWatched, WatchEndpointInput

_LONGEST_WAIT_SECONDS = 60
MOST_LOOKS = 200
"""Waits grow by a second each up to the longest: together two hours and three quarters, beyond the
limit of any endpoint."""


@step
def handler(payload: WatchEndpointInput) -> EndpointWatched:
    """Say whether the endpoint serves, and when it is to be looked at again.

    Raises:
        DeploymentFailed: it came to nothing.
        NoLongerAwaited: home has stopped waiting.
    """
    name, region = payload.staged.deployment.endpoint_name, payload.staged.region
    if payload.home is not None:
        try:
            heartbeat(payload.home)
        except HomeUnreachable as error:  # it may hear the next one
            logger.warning("home is silent", extra={"reason": str(error)})
    found = describe_endpoint(name)
    status, looks = found["EndpointStatus"], payload.looks + 1
    if status not in ("Creating", "Updating", "SystemUpdating", "InService"):
        why = found.get("FailureReason") or f"it is {status}; see its log group for more"
        raise DeploymentFailed(f"endpoint {name} did not come into service in {region}: {why}")
    if status != "InService" and looks >= MOST_LOOKS:
        raise DeploymentFailed(
            f"endpoint {name} in {region} is still {status} after almost three hours; look at its "
            "log group for what the container says"
        )
    return EndpointWatched(
        serving=status == "InService",
        wait_seconds=min(1 + looks, _LONGEST_WAIT_SECONDS),
        looks=looks,
    )
