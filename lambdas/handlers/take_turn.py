"""TakeTurn: the endpoint is this run's to change, and the deployment fits what is there now."""

from __future__ import annotations

from lambdas.aws import components, scaling, schedules
from lambdas.aws.run_files import RunFiles
from lambdas.aws.sagemaker import delete_endpoint, find_endpoint
from lambdas.gathering.live_instances import refuse_other_instances
from lambdas.serving import turns
from lambdas.serving.deployments import deployment_of, live_endpoint
from lambdas.step import step
from stratos.errors import EndpointBusy
from stratos.hosting.deployment import ComponentDeployment, Deployment
from stratos.moment import now
from stratos.pipeline.steps import TurnInput


@step
def handler(payload: TurnInput) -> Deployment:
    """Take the turn, and plan the deployment anew: the endpoint may have appeared or gone since.

    The endpoint does not expire during the turn: Promote sets a new end, CleanUp the former one.

    Raises:
        EndpointBusy: another run has the turn, or SageMaker is changing the endpoint or its
            component.
    """
    run, planned = payload.run, payload.deployment
    turns.take(run, planned.endpoint_name)
    schedules.cancel_deletion(planned.endpoint_name)
    live = find_endpoint(planned.endpoint_name)
    if live is not None and live.failed and not live.in_component:
        # SageMaker refuses to update it. CleanUp makes it again of what it had, if it has to.
        scaling.remove(live.name)
        delete_endpoint(live.name)
        live = find_endpoint(planned.endpoint_name)
    if live is not None and live.changing:
        raise EndpointBusy(
            f"endpoint {live.name} is {live.status}; this run goes on when SageMaker is done"
        )
    if live is not None and live.in_component:
        components.refuse_changing(live.name)
    files = RunFiles(run)
    deployment = deployment_of(
        run,
        files.spec(),
        files.match(),
        planned.container["ModelDataUrl"],
        live=live_endpoint(live),
    ).model_copy(update={"deploying_since": now()})
    if live is not None and isinstance(deployment, ComponentDeployment):
        refuse_other_instances(deployment, live)
    files.put_deployment(deployment)
    return deployment
