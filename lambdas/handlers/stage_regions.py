"""StageRegions: the spec is this run's to serve, and each region is told what to make."""

from __future__ import annotations

from lambdas.aws.run_files import RunFiles
from lambdas.aws.settings import settings
from lambdas.aws.staged_files import StagedFiles
from lambdas.serving import turns
from lambdas.serving.staging import staged_fleet
from lambdas.step import step
from stratos.hosting.deployment import EndpointDeployment
from stratos.pipeline.region_endpoints import StagedFleet, StageInput


@step
def handler(payload: StageInput) -> StagedFleet:
    """Take the turn, and plan every endpoint anew with the lease that begins now.

    The run may have the turn, if others of its endpoints have missed a gate. What is in service is
    not touched: it answers, is scaled and expires as before.

    Raises:
        EndpointBusy: another run of the spec has the turn.
    """
    run, files = payload.run, RunFiles(payload.run)
    spec, planned = files.spec(), files.find_deployment()
    turns.take(run, settings().names.endpoint(spec.name))
    assert isinstance(planned, EndpointDeployment), "the run has no endpoints to stage"
    artifact = planned.container["ModelDataUrl"]
    fleet, deployment = staged_fleet(run, artifact)
    StagedFiles.of(run).put_fleet(fleet)
    files.put_deployment(deployment)
    return fleet
