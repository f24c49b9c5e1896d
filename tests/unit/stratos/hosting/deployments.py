"""Deployments for tests: one model, built for whatever server, spec and endpoint in service."""

from __future__ import annotations

from typing import Any

from stratos.contracts.plan import Server
from stratos.hosting.build import build_deployment
from stratos.hosting.components import LiveComponent, live_component
from stratos.hosting.deployment import Deployment
from stratos.hosting.modes.table import mode_of
from stratos.hosting.order import LiveEndpoint
from stratos.spec import ModeName
from stratos.units import MIB
from tests import factories


def server_of(
    instance_type: str = "ml.c7i.xlarge", count: int = 1, devices: int = 1, replicas: int = 1
) -> Server:
    return Server(
        instance_type=instance_type,
        count=count,
        region="us-east-1",
        purchase="on_demand",
        usd_per_hour=0.2 * count,
        devices=devices,
        replicas=replicas,
    )


def deployment(
    instance_type: str = "ml.c7i.xlarge",
    count: int = 1,
    artifact_bytes: int = 500 * MIB,
    live: dict[str, Any] | None = None,
    planned: ModeName | None = None,
    devices: int = 1,
    replicas: int = 1,
    component: LiveComponent | None = None,
    instead_of: tuple[str, ...] = (),
    memory_gib: float = 1.5,
    tool_parser: str | None = None,
    **sections: Any,
) -> Deployment:
    spec = factories.spec(**sections)
    named = spec.hosting.mode
    mode = planned or ("realtime" if named == "auto" else named)
    server = server_of(instance_type, count, devices, replicas)
    in_service = None
    if live is not None:
        in_service = LiveEndpoint(mode_of(live).name, "before", component)
    order = factories.order(
        spec,
        factories.match_evidence(
            serving=server,
            p95_latency_ms=400.0,
            mode=mode,
            instead_of=instead_of,
            served_by=factories.engine_on(instance_type, memory_gib=memory_gib),
        ),
        uri="s3://bucket/runs/r/models/job/output/model.tar.gz",
        num_bytes=artifact_bytes,
        live=in_service,
        tool_parser=tool_parser,
    )
    return build_deployment(order)


TO_ZERO: dict[str, Any] = {"ProductionVariants": [{"ManagedInstanceScaling": {}}]}
LIVE = live_component(
    {
        "Specification": {
            "ModelName": "before",
            "ComputeResourceRequirements": {"MinMemoryRequiredInMb": 1024},
        }
    }
)
LULLS = {"requests_per_second": 5, "active_hours_per_day": 8}
RARE = {"requests_per_second": 0.2, "mean_requests_per_second": 0.01, "active_hours_per_day": 2}
LOOSE = {"max_p95_latency_ms": 5000}


def hosted(**options: Any) -> Deployment:
    return deployment(**{"constraints": LOOSE, **options})


def bounds(built: Deployment) -> tuple[int, int] | None:
    scaling = built.scaling
    if scaling is None:
        return None
    return scaling.target["MinCapacity"], scaling.target["MaxCapacity"]
