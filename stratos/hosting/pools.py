"""Instance pools: the kinds of instances that one endpoint may get, and which of them serves.

https://docs.aws.amazon.com/sagemaker/latest/dg/realtime-endpoints-heterogeneous.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stratos.hosting.deployment import EndpointDeployment, InstancePool
from stratos.hosting.monthly import HOURS_PER_MONTH

MOST = 5
"""Pools that a variant takes."""
PROVISION_SECONDS = 1200
"""How long SageMaker looks for instances in all pools, of 300 to 3,600 s that it accepts."""


def instance_pools(pools: Sequence[InstancePool], model_name: str) -> list[dict[str, Any]]:
    """`InstancePools` of a variant whose own model is named."""
    asked: list[dict[str, Any]] = []
    for priority, pool in enumerate(pools, start=1):
        one: dict[str, Any] = {"InstanceType": pool.server.instance_type, "Priority": priority}
        if pool.model_name != model_name:
            one["ModelNameOverride"] = pool.model_name
        asked.append(one)
    return asked


def models_of(variant: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the model objects that a variant serves, whatever pool they are for."""
    pools = variant.get("InstancePools") or ()
    named = [variant["ModelName"], *(pool.get("ModelNameOverride") for pool in pools)]
    return tuple(dict.fromkeys(name for name in named if name is not None))


def in_service(deployment: EndpointDeployment, described: Mapping[str, Any]) -> EndpointDeployment:
    """The deployment on the instances that DescribeEndpoint tells of, at their price.

    Instances may come from several pools. They are billed one by one, and the pool with the most
    of them stands for all; of equal ones the last, which is the least one asked for.
    """
    [variant] = described["ProductionVariants"]
    counts = {
        pool["InstanceType"]: pool["CurrentInstanceCount"]
        for pool in variant.get("InstancePools") or ()
    }
    there = [
        (pool, count)
        for pool in deployment.pools
        if (count := counts.get(pool.server.instance_type, 0)) > 0
    ]
    if not there:
        return deployment
    most = max(count for _, count in there)
    [*_, serving] = (pool for pool, count in there if count == most)
    billed = sum(count * pool.server.usd_per_hour / pool.server.count for pool, count in there)
    size = sum(count for _, count in there)
    monthly = sum(count * pool.usd_per_month for pool, count in there) / size
    server = serving.server.model_copy(update={"usd_per_hour": billed, "count": size})
    containers = {model.model_name: model.container for model in deployment.more_models}
    return deployment.model_copy(
        update={
            "types_in_service": tuple(pool.server.instance_type for pool, _ in there),
            "pool_in_service": serving.model_copy(update={"server": server}),
            "container": containers.get(serving.model_name, deployment.container),
            "engine": serving.engine,
            "billed_usd_per_hour": billed,
            "usd_per_hour": monthly / HOURS_PER_MONTH,
            "hosting": deployment.hosting.model_copy(update={"usd_per_month": monthly}),
        }
    )


def without_capacity(deployment: EndpointDeployment) -> tuple[str, ...]:
    """Instance types of which there is none, though one that was asked for later serves."""
    if deployment.pool_in_service is None:
        return ()
    first = deployment.pool_in_service.server.instance_type
    serving = deployment.types_in_service or (first,)
    types = [pool.server.instance_type for pool in deployment.pools]
    asked = types[: max(types.index(name) for name in serving)]
    return tuple(name for name in asked if name not in serving)
