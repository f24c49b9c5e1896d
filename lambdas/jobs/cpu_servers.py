"""Servers for a job that computes little: one that only calls models elsewhere, or reads data."""

from __future__ import annotations

from stratos.catalog.servers import ServerCatalog
from stratos.contracts.plan import Server
from stratos.planning.preferences import preferences


def cheapest_cpus(catalog: ServerCatalog, region: str) -> tuple[Server, ...]:
    """The cheapest servers without accelerators, on demand; none where none has a price."""
    priced = sorted(
        (price.usd_per_hour, row.instance_type)
        for row in catalog.instance_types
        if row.training and row.num_accelerators == 0 and row.training_quota != 0
        if (price := row.price(region, "training")) is not None
    )
    servers = [
        Server(
            instance_type=instance_type,
            count=1,
            region=region,
            purchase="on_demand",
            usd_per_hour=usd_per_hour,
        )
        for usd_per_hour, instance_type in priced
    ]
    return preferences(servers[0], servers[1:]) if servers else ()
