"""A run's model put into service: its mode, and all that the state machine asks SageMaker for."""

from __future__ import annotations

from dataclasses import replace

from stratos.contracts.plan import PlannedEngine
from stratos.hosting.choice import choose_hosting
from stratos.hosting.container import ServingContainer, serving_container
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
    container = _container(order)
    mode, hosting = choose_hosting(order, container)
    engine = order.plan.instance_engine
    if mode.on_instances and engine is not None:  # planned serverless, with one request at once
        order = _served_by(order, engine)
        container = _container(order)
    package = model_package(
        order.run,
        order.spec,
        order.evidence,
        order.evaluation,
        container.definition,
        order.lineage,
        instance_types=mode.package_instance_types,
    )
    tags = ownership_tags(order.names.stack, order.run, order.spec, order.now)
    hourly = mode.billed_usd_per_hour(order.plan.serving)
    return mode.deployment(Parts(order, hosting, container, tags, package, hourly))


def _container(order: Order) -> ServingContainer:
    return serving_container(
        order.plan,
        order.spec.name,
        order.artifact.uri,
        artifact_bytes=order.artifact.num_bytes,
        servers=order.servers,
        tool_parser=order.artifact.tool_parser,
    )


def _served_by(order: Order, engine: PlannedEngine) -> Order:
    plan = order.plan.model_copy(update={"engine": engine, "instance_engine": None})
    matching = order.evidence.matching.model_copy(update={"plan": plan})
    return replace(order, evidence=order.evidence.model_copy(update={"matching": matching}))
