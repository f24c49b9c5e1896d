"""Endpoints that scale to zero, as a run finds, waits for and takes back what it made of them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

from botocore.exceptions import ClientError

from lambdas.aws import sagemaker, scaling
from lambdas.aws.clients import client, error_code
from stratos.catalog.servers import InstanceType, ServerCatalog
from stratos.errors import (
    ComponentNotReady,
    DeploymentFailed,
    EndpointBusy,
    EndpointUnsettled,
    NoFeasiblePlan,
)
from stratos.hosting.components import (
    CHANGING,
    TAKING_OVER,
    ComponentRollout,
    LiveComponent,
    delete_component,
    find_component,
    live_component,
    rolling_update,
    settled_component,
)
from stratos.hosting.deployment import ComponentDeployment
from stratos.hosting.names import endpoint_name
from stratos.spec import Spec

_SETTLING_SECONDS = 1.0
_PATIENCE_SECONDS = 240
"""For one component to go."""

Awaited = Literal["endpoint", "copies", "model"]


def live(name: str) -> LiveComponent | None:
    """The model in an endpoint's component, if it has one."""
    found = find_component(client("sagemaker"), name)
    return None if found is None else live_component(found)


@dataclass(frozen=True)
class Fleet:
    """What the instances of an endpoint are, which was set when it was made."""

    instance_type: str
    max_copies: int | None
    """Beside the copy that takes over in an update; None where nothing limits them."""


def fleet_of(endpoint: sagemaker.Endpoint) -> Fleet:
    """The instances that an endpoint may have."""
    described = client("sagemaker").describe_endpoint_config(
        EndpointConfigName=endpoint.config_name
    )
    variant = described["ProductionVariants"][0]
    most = variant.get("ManagedInstanceScaling", {}).get("MaxInstanceCount")
    return Fleet(variant["InstanceType"], None if most is None else most - TAKING_OVER)


def servers_for(spec: Spec, catalog: ServerCatalog) -> ServerCatalog:
    """The catalog, where a spec's endpoint has components: with its instances as the only host.

    A component is updated where it is; what it is on does not change, nor how many there may be.

    Raises:
        NoFeasiblePlan: the spec asks for more instances than the endpoint may have.
    """
    found = sagemaker.find_endpoint(endpoint_name(spec.name))
    if found is None or found.status == "Deleting" or not found.in_component:
        return catalog
    fleet = fleet_of(found)
    asked, most = spec.hosting.max_instances, fleet.max_copies
    if asked is not None and most is not None and asked > most:
        raise NoFeasiblePlan(
            f"hosting.max_instances is {asked}, but endpoint {found.name} scales to zero and was "
            f"made for {most} at most. Delete it first (`stratos delete RUN`), or ask for no more"
        )
    return catalog.with_types(
        *(_limited(row, fleet) for row in catalog.instance_types if row.hosting)
    )


def _limited(row: InstanceType, fleet: Fleet) -> InstanceType:
    if row.instance_type != fleet.instance_type:
        return row.model_copy(update={"hosting": False})
    limits = [n for n in (row.hosting_quota, fleet.max_copies) if n is not None]
    return row.model_copy(update={"hosting_quota": min(limits, default=None)})


def refuse_other_instances(deployment: ComponentDeployment, endpoint: sagemaker.Endpoint) -> None:
    """Raise where an endpoint that appeared since the plan has other instances, or too few."""
    fleet = fleet_of(endpoint)
    planned = deployment.production_variant["InstanceType"]
    scaling_to = deployment.production_variant["ManagedInstanceScaling"]["MaxInstanceCount"]
    copies = scaling_to - TAKING_OVER
    advice = "Delete it first (`stratos delete RUN`), or submit the spec again: it is planned for"
    if planned != fleet.instance_type:
        raise DeploymentFailed(
            f"the plan serves on {planned}, but endpoint {endpoint.name} scales to zero on "
            f"{fleet.instance_type} and keeps its instances. {advice} them"
        )
    if fleet.max_copies is not None and copies > fleet.max_copies:
        raise DeploymentFailed(
            f"the plan scales to {copies} instances, but endpoint {endpoint.name} was made for "
            f"{fleet.max_copies} at most. {advice} so many"
        )


def refuse_changing(name: str) -> None:
    """Raise EndpointBusy while SageMaker is not done with an endpoint's component."""
    found = find_component(client("sagemaker"), name)
    if found is not None and (status := found["InferenceComponentStatus"]) in CHANGING:
        raise EndpointBusy(
            f"inference component {name} is {status}; this run goes on when SageMaker is done"
        )


def wait_for(deployment: ComponentDeployment, awaited: Awaited) -> str | None:
    """The model in service, once it is what is awaited; copies that are missing are asked for.

    Raises:
        ComponentNotReady: SageMaker is not done yet.
        DeploymentFailed: it is done, with something else.
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
    """Take back what a run did to an endpoint that scales to zero, as far as it came.

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
    if ours:  # a promotion that failed may have set bounds
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
    """Delete an endpoint's component, and what scales it; whether there was one.

    Args:
        deadline: By the monotonic clock; of a caller that has more to do.

    Raises:
        DeploymentFailed: when it is not gone in time.
    """
    if find_component(client("sagemaker"), name) is None:
        return False
    scaling.remove(name)  # or it would be kept from going by its next change
    patience = time.monotonic() + _PATIENCE_SECONDS
    return delete_component(client("sagemaker"), name, min(patience, deadline))


def _endpoint_in_service(deployment: ComponentDeployment) -> None:
    name = deployment.endpoint_name
    described = client("sagemaker").describe_endpoint(EndpointName=name)
    if described["EndpointStatus"] in sagemaker.CHANGING:
        raise ComponentNotReady(f"endpoint {name} is {described['EndpointStatus']}")
    if described["EndpointStatus"] != "InService":
        raise DeploymentFailed(
            f"endpoint {name} is {described['EndpointStatus']}: "
            f"{described.get('FailureReason') or 'SageMaker gave no reason'}"
        )


def _restore(rollout: ComponentRollout, previous: LiveComponent, deadline: float) -> None:
    """Put the former model back, copy by copy.

    Raises:
        EndpointUnsettled: SageMaker refuses the update now, or does not end it in time.
        DeploymentFailed: it ended with another model.
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
        # As a rule copies start or stop, which its status may not tell yet.
        raise EndpointUnsettled(
            f"inference component {rollout.name} cannot go back to {previous.model_name} yet: "
            f"{error}. What waits for it goes on when it is called again"
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
