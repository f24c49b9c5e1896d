"""HandOverEndpoint: an endpoint of another region is given to that region's state machine."""

from __future__ import annotations

from lambdas.aws import run_roles
from lambdas.aws.staged_files import StagedFiles
from lambdas.regions.machines import WorkerMachine, home_of
from lambdas.step import step
from stratos.pipeline.region_endpoints import HandOverEndpointInput, WorkerEndpoint
from stratos.pipeline.worker_jobs import HandedOver


@step
def handler(payload: HandOverEndpointInput) -> HandedOver:
    """Start the endpoint's execution there, which answers to the task token. May be repeated.

    Where an earlier call has started it, that execution goes on, and answers to this token.

    Raises:
        HandedOverBefore: the execution of an earlier call has ended, and answered nobody.
        RegionUnreachable: the region does not answer or does not take the endpoint.
    """
    run, staged = payload.run, payload.staged
    run_roles.make(run)  # a run that began before there were any has none
    name = staged.deployment.endpoint_name
    key = StagedFiles.of(run).put_token(name, staged.region, payload.task_token)
    home = home_of(run, payload.task_token).model_copy(update={"token_key": key})
    worker = WorkerEndpoint(run=run, staged=staged, home=home)
    return HandedOver(execution_arn=WorkerMachine(staged.region).start(name, worker))
