"""What endpoints have in common, in whatever mode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from stratos.contracts.plan import Plan, Server
from stratos.hosting.container import ServingContainer, serving_container
from stratos.hosting.deployment import EndpointDeployment, InstancePool, PoolModel
from stratos.hosting.guardrails import guardrails
from stratos.hosting.modes.interface import Connection, HostingMode, Parts
from stratos.hosting.monthly import HOURS_PER_MONTH
from stratos.hosting.names import VARIANT
from stratos.hosting.next_server import NextServer, Tried, better_server
from stratos.hosting.pools import MOST, PROVISION_SECONDS, instance_pools
from stratos.hosting.scaling import Scaling

FEWEST_UNDER_WAY = {"RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"}
"""Answers differ in length: whichever instance has the fewest under way is free the soonest."""


class OnEndpoint(HostingMode):
    """A mode whose endpoint has instances of the planned server, and answers in the call."""

    def told(self, server: Server) -> str:
        return f"{server.count} × {server.instance_type}{server.layout} in {server.region}"

    def ask(self, connection: Connection, body: bytes) -> bytes:
        answered = connection.runtime.invoke_endpoint(
            EndpointName=connection.endpoint_name,
            ContentType="application/json",
            Accept="application/json",
            Body=body,
        )
        answer: bytes = answered["Body"].read()
        return answer

    def next_server(self, tried: Tried) -> NextServer:
        return better_server(tried, self.name)


def on_instances(
    parts: Parts,
    scaling: Scaling | None,
    queue: dict[str, Any] | None = None,
    stand_ins: Sequence[Plan] = (),
) -> EndpointDeployment:
    """An endpoint of the planned server, updated under guardrails.

    Args:
        stand_ins: Plans for instance pools beside that of the planned server.
        scaling: How its fleet follows the traffic.
        queue: AsyncInferenceConfig, where requests wait in a queue.
    """
    order, server = parts.order, parts.order.plan.serving
    pooled = _pooled(parts, stand_ins)
    container = pooled.slowest
    variant: dict[str, Any] = {
        "VariantName": VARIANT,
        "ModelName": order.name,
        "InitialVariantWeight": 1.0,
        "InitialInstanceCount": server.count,
        "ModelDataDownloadTimeoutInSeconds": container.download_seconds,
        "ContainerStartupHealthCheckTimeoutInSeconds": container.start_seconds,
    }
    if pooled.pools:
        variant["InstancePools"] = instance_pools(pooled.pools, order.name)
        variant["VariantInstanceProvisionTimeoutInSeconds"] = PROVISION_SECONDS
    else:
        variant["InstanceType"] = server.instance_type
    if queue is None:
        variant["RoutingConfig"] = FEWEST_UNDER_WAY
    if container.ami is not None:
        variant["InferenceAmiVersion"] = container.ami
    held_by = guardrails(
        order.endpoint_name,
        order.name,
        VARIANT,
        num_instances=server.count,
        startup_seconds=container.download_seconds + container.start_seconds,
        max_p95_latency_ms=order.spec.constraints.max_p95_latency_ms,
    )
    return endpoint(parts, variant).model_copy(
        update={
            "async_inference_config": queue,
            "guardrails": held_by,
            "scaling": scaling,
            "pools": pooled.pools,
            "more_models": pooled.more_models,
        }
    )


@dataclass(frozen=True)
class _Pooled:
    """Instance pools, none where there is no choice, and the container that takes the longest."""

    pools: tuple[InstancePool, ...]
    more_models: tuple[PoolModel, ...]
    slowest: ServingContainer


def _pooled(parts: Parts, stand_ins: Sequence[Plan]) -> _Pooled:
    """A pool for the planned server and for each that may stand in.

    InferenceAmiVersion is one for all pools of a variant.
    """
    order, own = parts.order, parts.container
    pools = [_pool(order.plan, order.name, parts.hosting.usd_per_month)]
    models: list[PoolModel] = []
    containers = [own]
    for plan in stand_ins:
        container = serving_container(
            plan,
            order.spec.name,
            order.artifact.uri,
            artifact_bytes=order.artifact.num_bytes,
            servers=order.servers,
            tool_parser=order.artifact.tool_parser,
        )
        if container.ami != own.ami or len(pools) == MOST:
            continue
        name = order.name
        if container.definition != own.definition:
            name = f"{order.name}-p{len(pools) + 1}"
            models.append(PoolModel(model_name=name, container=container.definition))
        pools.append(_pool(plan, name, plan.usd_per_month.value))
        containers.append(container)
    if len(pools) == 1:
        return _Pooled((), (), own)
    slowest = max(containers, key=lambda one: one.download_seconds + one.start_seconds)
    return _Pooled(tuple(pools), tuple(models), slowest)


def _pool(plan: Plan, model_name: str, usd_per_month: float) -> InstancePool:
    return InstancePool(
        plan_id=plan.id,
        server=plan.serving,
        engine=plan.engine,
        model_name=model_name,
        usd_per_month=usd_per_month,
    )


def endpoint(parts: Parts, variant: dict[str, Any]) -> EndpointDeployment:
    """An endpoint of one variant, which scales by itself and is replaced without guardrails."""
    order, live = parts.order, parts.order.live
    return EndpointDeployment(
        model_name=order.name,
        container=parts.container.definition,
        hosting=parts.hosting,
        engine=order.plan.engine,
        tags=parts.tags,
        model_package=parts.model_package,
        usd_per_hour=parts.hosting.usd_per_month / HOURS_PER_MONTH,
        billed_usd_per_hour=parts.billed_usd_per_hour,
        endpoint_name=order.endpoint_name,
        endpoint_config_name=order.name,
        replaces_live=live is not None,
        previous_config_name=live.config_name if live else None,
        production_variant=variant,
        async_inference_config=None,
        guardrails=None,
        scaling=None,
    )
