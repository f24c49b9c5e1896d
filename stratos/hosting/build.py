"""A run's model put into service: its mode, and all that the state machine asks SageMaker for."""

from __future__ import annotations

from stratos.hosting.choice import choose_hosting
from stratos.hosting.container import serving_container
from stratos.hosting.deployment import Deployment
from stratos.hosting.model_package import model_package
from stratos.hosting.modes.interface import Parts
from stratos.hosting.monthly import HOURS_PER_MONTH
from stratos.hosting.order import Order
from stratos.hosting.ownership import ownership_tags


def build_deployment(order: Order) -> Deployment:
    """Put a deployment together.

    Raises:
        DeploymentFailed: the model cannot be hosted as it must be.
    """
    spec, plan, live = order.spec, order.plan, order.live
    mode, hosting = choose_hosting(
        spec,
        plan,
        artifact_bytes=order.artifact.num_bytes,
        live_mode=live.mode if live else None,
    )
    container = serving_container(
        plan.serving,
        spec.name,
        order.artifact.uri,
        precision=plan.precision,
        artifact_bytes=order.artifact.num_bytes,
        servers=order.servers,
    )
    package = model_package(
        order.run,
        spec,
        order.evidence,
        order.evaluation,
        container.definition,
        order.lineage,
        instance_types=mode.package_instance_types,
    )
    return mode.deployment(
        Parts(
            order=order,
            hosting=hosting,
            container=container,
            tags=ownership_tags(order.run, spec, order.now, expires=mode.has_endpoint),
            model_package=package,
            usd_per_hour=hosting.usd_per_month / HOURS_PER_MONTH,
        )
    )
