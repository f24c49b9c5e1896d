"""What endpoints on instances have in common, in whatever mode."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from stratos.contracts.plan import Server
from stratos.hosting.deployment import Deployment, EndpointDeployment
from stratos.hosting.guardrails import Guardrails, guardrails
from stratos.hosting.modes.interface import Connection, HostingMode, Parts
from stratos.hosting.names import VARIANT
from stratos.hosting.next_server import NextServer, Tried, better_server
from stratos.hosting.scaling import Scaling

_FEWEST_UNDER_WAY = {"RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"}
"""Answers differ in length: whichever instance has the fewest under way is free the soonest."""


class OnEndpoint(HostingMode):
    """A mode whose endpoint has instances of the planned server."""

    @abstractmethod
    def scaling(self, parts: Parts) -> Scaling | None:
        """How the fleet follows its traffic; None where it keeps its size."""

    def told(self, server: Server) -> str:
        return f"{server.count} × {server.instance_type}{server.layout} in {server.region}"

    def deployment(self, parts: Parts) -> Deployment:
        order, live = parts.order, parts.order.live
        return EndpointDeployment(
            model_name=order.name,
            container=parts.container.definition,
            hosting=parts.hosting,
            tags=parts.tags,
            model_package=parts.model_package,
            usd_per_hour=parts.usd_per_hour,
            billed_usd_per_hour=self.billed_usd_per_hour(order.plan.serving),
            endpoint_name=order.endpoint_name,
            endpoint_config_name=order.name,
            replaces_live=live is not None,
            previous_config_name=live.config_name if live else None,
            production_variant=self.variant(parts),
            async_inference_config=self.queue(parts),
            guardrails=self.guardrails(parts),
            scaling=self.scaling(parts),
        )

    def variant(self, parts: Parts) -> dict[str, Any]:
        """The production variant of CreateEndpointConfig."""
        server, container = parts.order.plan.serving, parts.container
        variant: dict[str, Any] = {
            "VariantName": VARIANT,
            "ModelName": parts.order.name,
            "InitialVariantWeight": 1.0,
            "InstanceType": server.instance_type,
            "InitialInstanceCount": server.count,
            "ModelDataDownloadTimeoutInSeconds": container.download_seconds,
            "ContainerStartupHealthCheckTimeoutInSeconds": container.start_seconds,
        }
        if self.in_call:
            variant["RoutingConfig"] = _FEWEST_UNDER_WAY
        if container.ami is not None:
            variant["InferenceAmiVersion"] = container.ami
        return variant

    def queue(self, parts: Parts) -> dict[str, Any] | None:
        """AsyncInferenceConfig of CreateEndpointConfig; None where nothing waits."""
        return None

    def guardrails(self, parts: Parts) -> Guardrails | None:
        """What an update of the endpoint is held by."""
        order = parts.order
        return guardrails(
            order.endpoint_name,
            order.name,
            VARIANT,
            num_instances=order.plan.serving.count,
            startup_seconds=parts.container.download_seconds + parts.container.start_seconds,
            max_p95_latency_ms=order.spec.constraints.max_p95_latency_ms,
        )

    def hosts(self, described: Mapping[str, Any]) -> bool:
        return True

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
