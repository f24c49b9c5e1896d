"""Endpoints that scale to zero: their component, waited for, taken back and deleted."""

from __future__ import annotations

import time
from typing import Literal

from botocore.exceptions import ClientError

from lambdas.aws import sagemaker, scaling
from lambdas.aws.clients import client, error_code
from stratos.errors import (
    ComponentNotReady,
    DeploymentFailed,
    EndpointBusy,
    EndpointUnsettled,
)
from stratos.hosting import ownership
from stratos.hosting.components import (
    CHANGING,
    ComponentRollout,
    LiveComponent,
    delete_component,
    find_component,
    live_component,
    rolling_update,
    settled_component,
)
from stratos.hosting.deployment import ComponentDeployment
from stratos.waiting import within

_SETTLING_SECONDS = 1.0
_PATIENCE_SECONDS = 240
"""For one component to go."""

Awaited = Literal["endpoint", "copies", "model"]


def live(name: str) -> LiveComponent | None:
    """The model in an endpoint's component, if it has one."""
    found = find_component(client("sagemaker"), name)
    return None if found is None else live_component(found)


def refuse_changing(name: str) -> None:
    """Raise EndpointBusy while SageMaker changes an endpoint's component."""
    found = find_component(client("sagemaker"), name)
    if found is not None and (status := found["InferenceComponentStatus"]) in CHANGING:
        raise EndpointBusy(
            f"inference component {name} is {status}; this run goes on when SageMaker is done"
        )


def wait_for(deployment: ComponentDeployment, awaited: Awaited) -> str | None:
    """Return the model in service once the awaited state is reached; asks for missing copies.

    Raises:
        ComponentNotReady: SageMaker is still changing it.
        DeploymentFailed: the change has ended in another state.
    """
    if awaited == "endpoint":
        _endpoint_in_service(deployment)
        return None
    rollout = deployment.component
    found = find_component(client("sagemaker"), rollout.name)
    if found is None:
        raise DeploymentFailed(f"inference component {rollout.name} is gone; submit the spec again")
    status, copies = found["InferenceComponentStatus"], found.get("RuntimeConfig", {})
    planned = rollout.runtime_config["CopyCount"]
    why = found.get("FailureReason") or (
        "SageMaker gave no reason; see the log group of the component"
    )
    if status in CHANGING:
        raise ComponentNotReady(f"inference component {rollout.name} is {status}")
    if status == "Failed":
        raise DeploymentFailed(f"inference component {rollout.name} failed: {why}")
    model = live_component(found).model_name
    if awaited == "model" and model != deployment.model_name:
        raise DeploymentFailed(
            f"inference component {rollout.name} was rolled back to {model}: the new model did not "
            f"start or tripped an alarm. {why}"
        )
    if awaited == "copies" and copies.get("DesiredCopyCount") != planned:
        client("sagemaker").update_inference_component_runtime_config(
            InferenceComponentName=rollout.name, DesiredRuntimeConfig=rollout.runtime_config
        )
        raise ComponentNotReady(f"inference component {rollout.name} gets its planned copies")
    if copies.get("CurrentCopyCount", 0) < planned:
        raise ComponentNotReady(f"copies of inference component {rollout.name} still start")
    return model


def undo(deployment: ComponentDeployment, deadline: float) -> tuple[list[str], str | None]:
    """Take back what a run did to an endpoint that scales to zero, however far it came.

    Args:
        deadline: By the monotonic clock.

    Returns:
        What was deleted, and the endpoint if it went back to its former model.

    Raises:
        DeploymentFailed: something could not be taken back in time.
    """
    rollout = deployment.component
    found = settled_component(client("sagemaker"), rollout.name, deadline)
    ours = found is not None and live_component(found).model_name == deployment.model_name
    deleted: list[str] = []
    restored = None
    if ours:  # a promotion that failed may have set scaling bounds
        scaling.remove(rollout.name)
    if rollout.previous is not None:
        if ours:
            _restore(rollout, rollout.previous, deadline)
            restored = rollout.name
    else:
        if ours and delete_component(client("sagemaker"), rollout.name, deadline):
            deleted.append(rollout.name)
        deleted += _delete_endpoint(deployment, deadline)
        if sagemaker.delete_endpoint_config(deployment.endpoint_config_name):
            deleted.append(deployment.endpoint_config_name)
    if sagemaker.delete_model(deployment.model_name):
        deleted.append(deployment.model_name)
    return deleted, restored


def delete(name: str, deadline: float) -> bool:
    """Delete an endpoint's component, and what scales it. Returns whether it existed.

    Args:
        deadline: By the monotonic clock; the caller's, who may have more to do.

    Raises:
        DeploymentFailed: when it is not gone in time.
    """
    if find_component(client("sagemaker"), name) is None:
        return False
    scaling.remove(name)  # a change of its copies would hold the deletion up
    return delete_component(client("sagemaker"), name, min(within(_PATIENCE_SECONDS), deadline))


def _endpoint_in_service(deployment: ComponentDeployment) -> None:
    name = deployment.endpoint_name
    described = client("sagemaker").describe_endpoint(EndpointName=name)
    if described["EndpointStatus"] in ownership.CHANGING:
        raise ComponentNotReady(f"endpoint {name} is {described['EndpointStatus']}")
    if described["EndpointStatus"] != "InService":
        raise DeploymentFailed(
            f"endpoint {name} is {described['EndpointStatus']}: "
            f"{described.get('FailureReason') or 'SageMaker gave no reason'}"
        )


def _restore(rollout: ComponentRollout, previous: LiveComponent, deadline: float) -> None:
    """Put the former model back, copy by copy.

    Raises:
        EndpointUnsettled: SageMaker refuses the update for now, or does not finish it in time.
        DeploymentFailed: the update ended with another model in service.
    """
    startup = sum(previous.specification.get("StartupParameters", {}).values())
    try:
        client("sagemaker").update_inference_component(
            InferenceComponentName=rollout.name,
            Specification=previous.specification,
            DeploymentConfig=rolling_update(rollout.runtime_config["CopyCount"], startup),
        )
    except ClientError as error:
        if error_code(error) != "ValidationException":
            raise
        # Usually copies are starting or stopping, and its status does not show it yet.
        raise EndpointUnsettled(
            f"inference component {rollout.name} cannot go back to {previous.model_name} yet: "
            f"{error}. The next call tries again"
        ) from error
    time.sleep(_SETTLING_SECONDS)  # its description may be older than the update
    found = settled_component(client("sagemaker"), rollout.name, deadline)
    if found is None or live_component(found).model_name != previous.model_name:
        raise DeploymentFailed(
            f"inference component {rollout.name} could not go back to {previous.model_name}; "
            "update it by hand"
        )


def _delete_endpoint(deployment: ComponentDeployment, deadline: float) -> list[str]:
    """Delete the endpoint if this run made it, and wait until its name is free again."""
    name = deployment.endpoint_name
    endpoint = sagemaker.settled_endpoint(name, deadline)
    if endpoint is None or endpoint.config_name != deployment.endpoint_config_name:
        return []
    sagemaker.delete_endpoint(name)
    sagemaker.settled_endpoint(name, deadline)
    return [name]
