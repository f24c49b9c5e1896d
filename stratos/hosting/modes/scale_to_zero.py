"""Endpoints that scale to zero: answered in the call, by instances that are there while asked.

After a pause a request is refused, and so is all that comes until an instance has started; from
then on answers come in the call. The model is in an inference component (`hosting.components`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stratos.contracts.plan import Server
from stratos.errors import EndpointNotFound
from stratos.hosting.components import (
    NO_CAPACITY,
    component_guardrails,
    component_rollout,
    has_component,
    managed_instances,
)
from stratos.hosting.deployment import ComponentDeployment, Deployment
from stratos.hosting.modes.interface import Connection, Parts
from stratos.hosting.modes.on_endpoint import FEWEST_UNDER_WAY, OnEndpoint
from stratos.hosting.monthly import HOURS_PER_MONTH
from stratos.hosting.names import VARIANT
from stratos.hosting.next_server import NextServer, Tried
from stratos.hosting.offer import (
    Hosted,
    Offer,
    cold_start_seconds,
    latencies_asked,
    share_of_busy_hours,
    too_cold,
)
from stratos.hosting.scaling import component_scaling
from stratos.waiting import growing, wait_until, within

_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.5, 10.0


class ScaleToZero(OnEndpoint):
    """Fits users who can ask again for minutes."""

    name = "scale_to_zero"
    in_component = True

    def offer(self, hosted: Hosted) -> Offer:
        """Refusals are for users who limit latency: an answer from a queue comes at any time."""
        spec = hosted.spec
        cold_start = cold_start_seconds(hosted.instance_start_seconds, hosted)
        unwanted = too_cold(cold_start, spec.hosting)
        if unwanted is None and not latencies_asked(spec.constraints):
            unwanted = "it refuses requests while it starts, and no latency speaks against a queue"
        return Offer(
            self.name,
            share_of_hours=share_of_busy_hours(spec.load),
            cold_start_seconds=cold_start,
            unwanted=unwanted,
            remark=f"after a pause it refuses requests for about {cold_start:.0f} s, which is "
            "assumed and not measured",
            requests_per_second=spec.load.requests_per_second,
        )

    def told(self, server: Server) -> str:
        return f"{super().told(server)}, none without requests"

    def deployment(self, parts: Parts) -> Deployment:
        """An endpoint without a model, and the component that holds it."""
        order, container, server = parts.order, parts.container, parts.order.plan.serving
        live, spec = order.live, order.spec
        variant: dict[str, Any] = {
            "VariantName": VARIANT,
            "InstanceType": server.instance_type,
            "InitialInstanceCount": server.count,
            "RoutingConfig": FEWEST_UNDER_WAY,
            "ManagedInstanceScaling": managed_instances(spec, server),
        }
        if container.ami is not None:
            variant["InferenceAmiVersion"] = container.ami
        return ComponentDeployment(
            model_name=order.name,
            container=container.definition,
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
            component=component_rollout(
                order.endpoint_name,
                order.name,
                server,
                order.servers[server.instance_type],
                container,
                live.component if live else None,
            ),
            guardrails=component_guardrails(
                order.endpoint_name,
                order.name,
                copies=server.count,
                startup_seconds=container.download_seconds + container.start_seconds,
                max_p95_latency_ms=spec.constraints.max_p95_latency_ms,
            ),
            scaling=component_scaling(spec, server, order.endpoint_name),
        )

    def hosts(self, described: Mapping[str, Any]) -> bool:
        return has_component(described)

    def ask(self, connection: Connection, body: bytes) -> bytes:
        """Put a request; where no copy of the model is in service, repeat it until one is.

        The refusal itself is what starts an instance.
        """
        name = connection.endpoint_name
        refusals: list[Exception] = []

        def answer() -> bytes | None:
            try:
                answered = connection.runtime.invoke_endpoint(
                    EndpointName=name,
                    InferenceComponentName=name,
                    ContentType="application/json",
                    Accept="application/json",
                    Body=body,
                )
            except connection.runtime.exceptions.ClientError as error:
                if not refused_for_capacity(error):
                    raise
                if not refusals:
                    connection.tell(
                        f"endpoint {name} has scaled to zero and refused the request; it is "
                        f"repeated for up to {connection.patience_seconds:.0f} s while an "
                        "instance starts"
                    )
                refusals.append(error)
                return None
            content: bytes = answered["Body"].read()
            return content

        found = wait_until(
            answer,
            lambda content: content is not None,
            deadline=within(connection.patience_seconds),
            pauses=growing(_FIRST_PAUSE_SECONDS, by=1.5, longest=_LONGEST_PAUSE_SECONDS),
        )
        if found is None:
            raise EndpointNotFound(
                f"endpoint {name} has scaled to zero, and no instance was in service "
                f"within {connection.patience_seconds:.0f} s; it may still be starting, "
                "so ask again in some minutes"
            ) from refusals[-1]
        return found

    def next_server(self, tried: Tried) -> NextServer:
        return NextServer(why="an endpoint that scales to zero keeps its instances")


MODE = ScaleToZero()


def refused_for_capacity(error: Exception) -> bool:
    """Whether no copy of the component is in service, in which case one is started."""
    return "(ValidationError)" in str(error) and NO_CAPACITY in str(error)
