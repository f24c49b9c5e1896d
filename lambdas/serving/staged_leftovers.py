"""What a run that came to nothing made in the regions that were to serve its model."""

from __future__ import annotations

from collections.abc import Mapping

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.aws import sagemaker, scaling
from lambdas.aws.clients import is_unreachable
from lambdas.aws.settings import settings
from lambdas.aws.staged_files import StagedFiles
from lambdas.regions.machines import WorkerMachine
from lambdas.step import logger
from stratos.contracts.run import RunRef
from stratos.errors import DeploymentFailed, EndpointUnsettled
from stratos.pipeline.region_endpoints import RegionEndpoint
from stratos.waiting import within

_PATIENCE_SECONDS = 120
"""For an endpoint of each region to settle; the next call goes on."""


def remove(run: RunRef, stopped: list[str], deleted: list[str], *, goes_on: bool = False) -> None:
    """Delete the endpoints that a run has staged, in every region that answers.

    The model in service never left it. What a region keeps that does not answer ends with its
    lease, by that region's own sweeper, or when home's reaches it.

    Args:
        goes_on: The run may stage other endpoints, whose record takes the place of this one.

    Raises:
        EndpointUnsettled: SageMaker is still making one, or the run goes on and a region does not
            answer; call again.
        DeploymentFailed: a region refuses; all others are clean.
    """
    fleet = StagedFiles.of(run).find_fleet()
    if fleet is None:
        return
    unsettled: EndpointUnsettled | None = None
    refused: dict[str, Exception] = {}
    unreached: dict[str, Exception] = {}
    for one in fleet.endpoints:
        try:
            _remove(run, one, stopped, deleted)
        except EndpointUnsettled as error:
            unsettled = error
        except (BotoCoreError, ClientError) as error:
            logger.warning("not cleaned", extra={"region": one.region, "reason": str(error)})
            (unreached if is_unreachable(error) else refused)[one.region] = error
    if refused:
        raise DeploymentFailed(
            f"what run {run.run_id} has staged could not be deleted and may be billed: "
            f"{_told(refused)}. Its leases end, and the region's sweeper tries then"
        ) from next(iter(refused.values()))
    if unsettled is not None:
        raise unsettled
    if goes_on and unreached:
        raise EndpointUnsettled(
            f"what run {run.run_id} has staged could not be deleted where nobody answers, and may "
            f"be billed until its lease ends: {_told(unreached)}. Nothing else is staged beside "
            "it. Submit the spec again once the region answers, or without the region"
        )


def _told(failed: Mapping[str, Exception]) -> str:
    return "; ".join(f"{region}: {error}" for region, error in failed.items())


def _remove(run: RunRef, one: RegionEndpoint, stopped: list[str], deleted: list[str]) -> None:
    name, there = one.deployment.endpoint_name, None
    if one.region != settings().aws_region:
        there = one.region
        if WorkerMachine(there).stop(name, f"run {run.run_id} is over"):
            stopped.append(name)
    scaling.remove(name, there)
    if sagemaker.settled_endpoint(name, within(_PATIENCE_SECONDS), there) is not None:
        sagemaker.delete_endpoint(name, there)
        deleted.append(name)
    # A name is free for the next of the run's models only when all that has it is gone.
    for model_name in one.deployment.model_names:
        sagemaker.delete_model(model_name, there)
    sagemaker.delete_endpoint_config(one.deployment.endpoint_config_name, there)
