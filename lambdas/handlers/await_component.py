"""AwaitComponent: an endpoint that scales to zero, or its model, once it is in service."""

from __future__ import annotations

from lambdas.aws import components
from lambdas.step import step
from stratos.pipeline.steps import ComponentInput, ComponentReady


@step
def handler(payload: ComponentInput) -> ComponentReady:
    """Say what is in service; the state machine asks again while SageMaker is not done.

    Raises:
        ComponentNotReady: SageMaker is not done yet.
        DeploymentFailed: it is done, with something else.
    """
    return ComponentReady(model_name=components.wait_for(payload.deployment, payload.awaits))
