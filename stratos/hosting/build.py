"""A run's model put into service: its mode, and all that the state machine asks SageMaker for."""

from __future__ import annotations

from stratos.hosting.choice import choose_hosting
from stratos.hosting.container import serving_container
from stratos.hosting.deployment import Deployment
from stratos.hosting.model_package import model_package
from stratos.hosting.modes.interface import Parts
from stratos.hosting.order import Order
from stratos.hosting.ownership import ownership_tags


def build_deployment(order: Order) -> Deployment:
    """Put a deployment together.

    Raises:
        DeploymentFailed: the model cannot be hosted as it must be.
    """
    container = serving_container(
        order.plan,
        order.spec.name,
        order.artifact.uri,
        artifact_bytes=order.artifact.num_bytes,
        servers=order.servers,
    )
    mode, hosting = choose_hosting(order, container)
    package = model_package(
        order.run,
        order.spec,
        order.evidence,
        order.evaluation,
        container.definition,
        order.lineage,
        instance_types=mode.package_instance_types,
    )
    tags = ownership_tags(order.run, order.spec, order.now)
    hourly = mode.billed_usd_per_hour(order.plan.serving)
    return mode.deployment(Parts(order, hosting, container, tags, package, hourly))
