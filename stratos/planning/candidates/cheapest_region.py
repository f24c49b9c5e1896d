"""Training servers without those that another region has for less."""

from __future__ import annotations

import numpy as np

from stratos.planning.forecast.elsewhere import elsewhere
from stratos.planning.forecast.server_table import ServerTable
from stratos.planning.front import non_dominated
from stratos.planning.request import PlanningRequest


def worth_comparing(table: ServerTable, request: PlanningRequest) -> ServerTable:
    """Drop servers that cost more than the same server in a region that is reached as soon.

    Nothing else about a training server depends on its region, so only dominated rows go. Regions
    of different delays are kept: a job that begins later is cut earlier by its deadline, and may
    cost less for it. Of equal servers the first stays.
    """
    there = elsewhere(request, table)
    dollars = np.column_stack(
        [
            table.usd_per_hour,
            there.away * there.in_usd_per_byte,
            there.away * there.out_usd_per_byte,
        ]
    )
    alike: dict[tuple[object, ...], list[int]] = {}
    for position, row in enumerate(table.rows):
        delay = (there.away[position], there.waiting_seconds[position])
        key = (row.instance.instance_type, row.count, row.purchase, *delay)
        alike.setdefault(key, []).append(position)
    kept = [
        table.rows[positions[at]]
        for positions in alike.values()
        for at in non_dominated(dollars[positions])
    ]
    return ServerTable(kept, table.rejected)
