"""The instances of an endpoint that scales to zero: a plan and a deployment have to fit them.

Its component is updated where it is. What it is on does not change, nor how many there may be.
"""

from __future__ import annotations

from dataclasses import dataclass

from lambdas.aws import sagemaker
from lambdas.aws.settings import settings
from stratos.catalog.servers import InstanceType, ServerCatalog
from stratos.errors import DeploymentFailed, NoFeasiblePlan
from stratos.hosting.components import TAKING_OVER
from stratos.hosting.deployment import ComponentDeployment
from stratos.spec import Spec


@dataclass(frozen=True)
class LiveInstances:
    """The instances that an endpoint may have, as they were set when it was made."""

    instance_type: str
    max_copies: int | None
    """Without the copy that takes over in an update; None where there is no limit."""


def servers_for(spec: Spec, catalog: ServerCatalog) -> ServerCatalog:
    """The catalog; where the spec's endpoint has a component, with its instances as the only host.

    Raises:
        NoFeasiblePlan: the spec asks for more instances than the endpoint may have.
    """
    found = sagemaker.find_endpoint(settings().names.endpoint(spec.name))
    if found is None or found.status == "Deleting" or not found.in_component:
        return catalog
    live = _instances_of(found)
    asked, most = spec.hosting.max_instances, live.max_copies
    if asked is not None and most is not None and asked > most:
        raise NoFeasiblePlan(
            f"hosting.max_instances is {asked}, but endpoint {found.name} scales to zero and was "
            f"made for {most} at most. Delete it first (`stratos delete RUN`), or ask for no more"
        )
    return catalog.with_types(
        *(_limited(row, live) for row in catalog.instance_types if row.hosting)
    )


def refuse_other_instances(deployment: ComponentDeployment, endpoint: sagemaker.Endpoint) -> None:
    """Raise where an endpoint that appeared since the plan has other instances, or too few."""
    live = _instances_of(endpoint)
    planned = deployment.production_variant["InstanceType"]
    scaling_to = deployment.production_variant["ManagedInstanceScaling"]["MaxInstanceCount"]
    copies = scaling_to - TAKING_OVER
    advice = "Delete it first (`stratos delete RUN`), or submit the spec again: it is planned for"
    if planned != live.instance_type:
        raise DeploymentFailed(
            f"the plan serves on {planned}, but endpoint {endpoint.name} scales to zero on "
            f"{live.instance_type} and keeps its instances. {advice} them"
        )
    if live.max_copies is not None and copies > live.max_copies:
        raise DeploymentFailed(
            f"the plan scales to {copies} instances, but endpoint {endpoint.name} was made for "
            f"{live.max_copies} at most. {advice} so many"
        )


def _instances_of(endpoint: sagemaker.Endpoint) -> LiveInstances:
    variant = sagemaker.production_variant(endpoint.config_name)
    most = variant.get("ManagedInstanceScaling", {}).get("MaxInstanceCount")
    return LiveInstances(variant["InstanceType"], None if most is None else most - TAKING_OVER)


def _limited(row: InstanceType, live: LiveInstances) -> InstanceType:
    if row.instance_type != live.instance_type:
        return row.model_copy(update={"hosting": False})
    limits = [n for n in (row.hosting_quota, live.max_copies) if n is not None]
    return row.model_copy(update={"hosting_quota": min(limits, default=None)})
