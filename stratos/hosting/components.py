"""Inference components: a model on an endpoint that has instances only while it is asked.

The endpoint is made without a model, and may have no instance. Its one component, of the same name,
holds the model, and its copies are what is scaled: one copy an instance, which SageMaker starts
and stops with it. https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-zero-instances.html
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from stratos.catalog.servers import InstanceType
from stratos.contracts.plan import Server
from stratos.errors import DeploymentFailed, EndpointUnsettled
from stratos.frozen import FrozenModel
from stratos.hosting.absence import is_absent
from stratos.hosting.container import ServingContainer
from stratos.hosting.guardrails import (
    BAKE_SECONDS,
    Guardrails,
    longest_update_seconds,
    update_alarms,
)
from stratos.hosting.scaling import largest_fleet
from stratos.spec import Spec
from stratos.units import GIB, MIB
from stratos.waiting import every, wait_until

CHANGING = frozenset({"Creating", "Updating", "Deleting"})
TAKING_OVER = 1
"""Copies, each on an instance of its own, that an update starts beside those in service."""
NO_CAPACITY = "has no capacity"
"""In the words of the refusal while no copy is in service."""

_MIB_PER_GIB = GIB / MIB
_HOST_MIB = 1024
"""Of the host, beside a GPU."""
_BESIDE_MIB = 128
"""Of what the image runs beside the engine: nginx."""
_MEMORY_SHARE = 0.5
_CORES_SHARE = 0.75
"""Of an instance. Over half of it, so that no second copy fits; SageMaker's own part is left."""
_LEAST_CORES = 0.25
_REQUIREMENTS = ("ModelName", "StartupParameters", "ComputeResourceRequirements")
_PAUSE_SECONDS = 2.0


class LiveComponent(FrozenModel):
    """The model that is in service in an endpoint's component."""

    model_name: str
    specification: dict[str, Any]
    """As UpdateInferenceComponent takes it."""


class ComponentRollout(FrozenModel):
    """What the SDK states ask for one component."""

    name: str
    specification: dict[str, Any]
    runtime_config: dict[str, Any]
    """The planned copies."""
    previous: LiveComponent | None
    """What is in service before; None where the endpoint has no component."""


def component_rollout(
    endpoint_name: str,
    model_name: str,
    server: Server,
    instance: InstanceType,
    container: ServingContainer,
    previous: LiveComponent | None,
) -> ComponentRollout:
    """One copy on each instance of the server."""
    return ComponentRollout(
        name=endpoint_name,
        specification={
            "ModelName": model_name,
            "StartupParameters": {
                "ModelDataDownloadTimeoutInSeconds": container.download_seconds,
                "ContainerStartupHealthCheckTimeoutInSeconds": container.start_seconds,
            },
            "ComputeResourceRequirements": compute_requirements(instance, container.memory_gib),
        },
        runtime_config={"CopyCount": server.count},
        previous=previous,
    )


def compute_requirements(instance: InstanceType, memory_gib: float | None) -> dict[str, Any]:
    """What is reserved for a copy: all accelerators of its instance, else most of its cores.

    A reservation is no limit. On a GPU the weights are in the device's memory, and the host needs
    little; what SageMaker lets components reserve of the host is far less than all of it.

    Args:
        memory_gib: What the engine of a copy takes; None where that is not known.
    """
    if instance.num_accelerators:
        return {
            "NumberOfAcceleratorDevicesRequired": float(instance.num_accelerators),
            "MinMemoryRequiredInMb": _HOST_MIB,
        }
    needed = (memory_gib or 0.0) * _MIB_PER_GIB + _BESIDE_MIB
    most = _MEMORY_SHARE * instance.memory_gib * _MIB_PER_GIB
    return {
        "NumberOfCpuCoresRequired": max(_LEAST_CORES, _CORES_SHARE * instance.vcpu),
        "MinMemoryRequiredInMb": math.floor(min(needed, most)),
    }


def managed_instances(spec: Spec, server: Server) -> dict[str, Any]:
    """ManagedInstanceScaling: as many instances as copies, and one for the copy that takes over."""
    return {
        "Status": "ENABLED",
        "MinInstanceCount": 0,
        "MaxInstanceCount": largest_fleet(spec, server) + TAKING_OVER,
    }


def component_guardrails(
    component_name: str,
    config_name: str,
    *,
    copies: int,
    startup_seconds: int,
    max_p95_latency_ms: float | None,
) -> Guardrails:
    """A rolling update, one copy at a time, taken back on errors or slow answers.

    SageMaker tells the answers of a component apart by its name only, so that those of copies
    which are still to be replaced count as well.
    """
    watched = [{"Name": "InferenceComponentName", "Value": component_name}]
    alarms = update_alarms(config_name, watched, max_p95_latency_ms)
    return Guardrails(
        deployment_config={
            **rolling_update(copies, startup_seconds),
            "AutoRollbackConfiguration": {
                "Alarms": [{"AlarmName": alarm["AlarmName"]} for alarm in alarms]
            },
        },
        alarms=alarms,
    )


def rolling_update(copies: int, startup_seconds: int) -> dict[str, Any]:
    """DeploymentConfig of an update that nothing takes back: one copy after the other."""
    return {
        "RollingUpdatePolicy": {
            "MaximumBatchSize": {"Type": "COPY_COUNT", "Value": 1},
            "WaitIntervalInSeconds": BAKE_SECONDS,
            "MaximumExecutionTimeoutInSeconds": longest_update_seconds(startup_seconds, copies),
        }
    }


def has_component(described: Mapping[str, Any]) -> bool:
    """Whether an endpoint is one of components, by what DescribeEndpoint tells of it."""
    variants = described.get("ProductionVariants") or ()
    return any("ManagedInstanceScaling" in variant for variant in variants)


def find_component(sagemaker: Any, name: str) -> dict[str, Any] | None:
    """What DescribeInferenceComponent tells, or None where there is no such component.

    Args:
        sagemaker: boto3's `sagemaker`.
    """
    try:
        found: dict[str, Any] = sagemaker.describe_inference_component(InferenceComponentName=name)
    except sagemaker.exceptions.ClientError as error:
        if is_absent(error, held_by_tag=False):
            return None
        raise
    return found


def live_component(described: Mapping[str, Any]) -> LiveComponent:
    """The model of a component, as it would be put back."""
    specification = described["Specification"]
    return LiveComponent(
        model_name=specification["ModelName"],
        specification={key: specification[key] for key in _REQUIREMENTS if key in specification},
    )


def settled_component(sagemaker: Any, name: str, deadline: float) -> dict[str, Any] | None:
    """A component once no change of it is under way: SageMaker refuses another until then.

    Args:
        deadline: By the monotonic clock.

    Raises:
        EndpointUnsettled: when it does not settle in time.
    """
    found = wait_until(
        lambda: find_component(sagemaker, name),
        lambda component: not _is_changing(component),
        deadline=deadline,
        pauses=every(_PAUSE_SECONDS),
    )
    if found is not None and _is_changing(found):
        raise EndpointUnsettled(
            f"inference component {name} is still {found['InferenceComponentStatus']}; what "
            "waits for it goes on when it is called again. If it never settles, delete it and "
            "its endpoint by hand: their instances are billed"
        )
    return found


def delete_component(sagemaker: Any, name: str, deadline: float) -> bool:
    """Delete a component and wait until it is gone. Returns whether it existed.

    An endpoint that is deleted first leaves it behind.

    Raises:
        EndpointUnsettled: when it is not gone in time.
        DeploymentFailed: when it does not go.
    """
    if settled_component(sagemaker, name, deadline) is None:
        return False
    try:
        sagemaker.delete_inference_component(InferenceComponentName=name)
    except sagemaker.exceptions.ClientError as error:
        if not is_absent(error, held_by_tag=False):
            raise
    if settled_component(sagemaker, name, deadline) is not None:
        raise DeploymentFailed(
            f"inference component {name} could not be deleted; delete it and its endpoint by "
            "hand: their instances are billed"
        )
    return True


def _is_changing(component: Mapping[str, Any] | None) -> bool:
    return component is not None and component["InferenceComponentStatus"] in CHANGING
