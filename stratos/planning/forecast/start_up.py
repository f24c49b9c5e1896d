"""How long jobs and endpoints take to start."""

from __future__ import annotations

from stratos.catalog.images import LOCAL_PREFIX
from stratos.catalog.servers import InstanceType


def job_start_seconds(instance: InstanceType) -> float:
    """From CreateTrainingJob until the program works; assumed, but for this machine's processes."""
    if instance.instance_type.startswith(LOCAL_PREFIX):
        return 8.0
    return 240.0 if instance.runtime == "cuda" else 150.0


def endpoint_start_seconds(instance: InstanceType) -> float:
    """From CreateEndpoint until the endpoint is in service; assumed likewise."""
    if instance.instance_type.startswith(LOCAL_PREFIX):
        return 10.0
    return 420.0 if instance.runtime == "cuda" else 300.0
