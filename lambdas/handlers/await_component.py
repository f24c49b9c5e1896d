"""AwaitComponent: an endpoint that scales to zero, or its model, once it is in service."""

from __future__ import annotations

from lambdas.aws import components
from lambdas.step import step
from stratos.pipeline.steps import ComponentInput, ComponentReady


@step
def handler(payload: ComponentInput) -> ComponentReady:
    """Say which model is in service; the state machine asks again while SageMaker is busy.

    Raises:
        ComponentNotReady: SageMaker is still changing it.
        DeploymentFailed: the change has ended in another state.
    """
    return ComponentReady(model_name=components.wait_for(payload.deployment, payload.awaits))
