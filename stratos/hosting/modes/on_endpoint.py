"""What endpoints have in common, in whatever mode."""

from __future__ import annotations

from typing import Any

from stratos.contracts.plan import Server
from stratos.hosting.deployment import EndpointDeployment
from stratos.hosting.guardrails import guardrails
from stratos.hosting.modes.interface import Connection, HostingMode, Parts
from stratos.hosting.monthly import HOURS_PER_MONTH
from stratos.hosting.names import VARIANT
from stratos.hosting.next_server import NextServer, Tried, better_server
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
) -> EndpointDeployment:
    """An endpoint of the planned server, updated under guardrails.

    Args:
        scaling: How its fleet follows the traffic.
        queue: AsyncInferenceConfig, where requests wait in a queue.
    """
    order, container, server = parts.order, parts.container, parts.order.plan.serving
    variant: dict[str, Any] = {
        "VariantName": VARIANT,
        "ModelName": order.name,
        "InitialVariantWeight": 1.0,
        "InstanceType": server.instance_type,
        "InitialInstanceCount": server.count,
        "ModelDataDownloadTimeoutInSeconds": container.download_seconds,
        "ContainerStartupHealthCheckTimeoutInSeconds": container.start_seconds,
    }
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
        }
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
