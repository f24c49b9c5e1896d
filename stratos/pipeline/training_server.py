"""The server that a training job started on, in SageMaker's words: that is what is billed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from stratos.contracts.plan import Server


def server_of(job: Mapping[str, Any], asked: Iterable[Server]) -> Server | None:
    """What a described job started on; None if nothing is selected yet, or it was not asked for.

    Args:
        asked: The servers that the attempts of the job asked for, with their prices.
    """
    config = job.get("ResourceConfig") or {}
    name = config.get("SelectedInstanceType") or config.get("InstanceType")
    count = config.get("SelectedInstanceCount") or config.get("InstanceCount") or 1
    purchase = "spot" if job.get("EnableManagedSpotTraining") else "on_demand"
    region = str(job.get("TrainingJobArn", ":::")).split(":")[3]
    found = [server for server in asked if server.instance_type == name]
    found.sort(key=lambda server: (server.region != region, server.purchase != purchase))
    if not found:
        return None
    server = found[0]
    hourly = server.usd_per_hour / server.count * count
    return server.model_copy(update={"count": count, "purchase": purchase, "usd_per_hour": hourly})
