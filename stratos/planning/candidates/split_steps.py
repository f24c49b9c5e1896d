"""Servers that share a step: as few as end it in time."""

from __future__ import annotations

import numpy as np

from stratos.catalog.images import LOCAL_PREFIX
from stratos.contracts.plan import Server
from stratos.planning.arrays import Floats
from stratos.planning.deadlines import DEFAULT_HOURS, TIME_SHARES
from stratos.planning.forecast.server_table import Quotas, ServerRow, quota_in
from stratos.planning.forecast.start_up import job_start
from stratos.sharding.number import most_servers
from stratos.spec import Constraints
from stratos.units import figure

_ROUNDING = 1e-9


def most_at_once(row: ServerRow, quotas: Quotas) -> float:
    """Of a type in a region, for one step; those of this machine would only take its cores from
    each other."""
    if row.instance.instance_type.startswith(LOCAL_PREFIX):
        return 1.0
    return float(most_servers(quota_in(quotas, row.region, row.instance).training))


def servers_needed(needed_seconds: Floats, limit_seconds: Floats, most: Floats) -> Floats:
    """1 where one server ends the step in time; at most `most`, even if that is too few."""
    wanted = np.ceil(needed_seconds / limit_seconds - _ROUNDING)
    return np.asarray(np.clip(wanted, 1.0, most), dtype=np.float64)


def why_split(
    synthesis: int, evaluation: int, server: Server, constraints: Constraints, spent_hours: float
) -> tuple[str, ...]:
    """How the numbers were chosen, in words; nothing where each step has one server."""
    shared = {"synthesize": ("synthesis", synthesis), "evaluate": ("evaluation", evaluation)}
    told = []
    for step, (name, servers) in shared.items():
        if servers == 1:
            continue
        if constraints.servers_per_step != "auto":
            told.append(f"{name} over {servers} servers, as constraints.servers_per_step says")
            continue
        hours = (constraints.max_training_hours or DEFAULT_HOURS) - spent_hours
        share = TIME_SHARES[step]  # type: ignore[index]
        told.append(
            f"{name} over {servers} servers: one would outlast the {figure(share * hours, 2)} h "
            "that it may take"
        )
    if not told:
        return ()
    more = synthesis + evaluation - 2
    usd = more * job_start(server.instance_type).billed_seconds / 3600 * server.usd_per_hour
    return (
        f"{'; '.join(told)}; {more} more {'start' if more == 1 else 'starts'} of "
        f"{server.instance_type} at ${figure(usd, 2)} in all are counted",
    )
