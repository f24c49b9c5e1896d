"""FetchModel: in a region that is to serve a model, the model is copied from home."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.aws.clients import is_unreachable
from lambdas.regions.endpoints import fetch_model
from lambdas.step import step
from stratos.errors import HomeUnreachable
from stratos.pipeline.region_endpoints import RegionEndpoint, WorkerEndpoint


@step
def handler(payload: WorkerEndpoint) -> RegionEndpoint:
    """Copy model and questions, and return the endpoint as it is for this region.

    Raises:
        CopyUnfinished: call again with the same input.
        NoLongerAwaited: home has stopped waiting.
        HomeUnreachable: home does not answer.
    """
    try:
        return fetch_model(payload)
    except (BotoCoreError, ClientError) as error:
        if is_unreachable(error):
            raise HomeUnreachable(f"{payload.home.region} does not answer: {error}") from error
        raise
