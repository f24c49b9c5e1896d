"""Rows of SkyPilot's catalog beside ours: EC2's prices, and what SageMaker asks on top.

`skypilot_rows.csv` has rows of schema v8, `catalogs/v8/aws/vms.csv` of
skypilot-org/skypilot-catalog@00148f2, copied by hand. That repository states no licence, so its
file is not kept here; single prices are AWS's. On demand a price holds in all zones of a region;
spot is that of the cheapest zone.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np

from benchmarks.tables import Row, check
from stratos.catalog.servers import ServerCatalog

FILE = Path(__file__).with_name("skypilot_rows.csv")
_EC2 = re.compile(r"EC2 on-demand ([\d.]+)")
Place = tuple[str, str]
"""Instance type as EC2 calls it, and region."""


def ec2_prices(catalog: ServerCatalog) -> dict[Place, float]:
    """EC2's prices on demand, dollars an hour, that our derived prices name as their source."""
    found = {}
    for row in catalog.instance_types:
        for price in row.prices:
            if named := _EC2.search(price.source):
                found[row.instance_type.removeprefix("ml."), price.region] = float(named[1])
    return found


def skypilot_rows() -> dict[Place, tuple[float, float | None]]:
    """Dollars an hour on demand, and as spot where it is offered."""
    with FILE.open(newline="") as file:
        return {
            (row["instance_type"], row["region"]): (
                float(row["usd_per_hour"]),
                float(row["lowest_spot_usd_per_hour"] or 0) or None,
            )
            for row in csv.DictReader(file)
        }


def price_rows() -> tuple[list[Row], list[Row]]:
    """Each instance type: how prices compare over the regions that both know."""
    catalog = ServerCatalog.aws()
    ours, theirs = ec2_prices(catalog), skypilot_rows()
    rows: list[Row] = []
    for name in sorted({name for name, _ in theirs}):
        regions = [region for known, region in theirs if known == name]
        apart = [ours[name, region] / theirs[name, region][0] - 1 for region in regions]
        spot = [s / usd for usd, s in (theirs[name, region] for region in regions) if s]
        seen = [
            price.usd_per_hour / theirs[name, price.region][0]
            for price in catalog[f"ml.{name}"].prices
            if price.kind == "observed" and price.region in regions
        ]
        rows.append(
            {
                "instance_type": name,
                "regions": len(regions),
                "furthest_apart": max(map(abs, apart)),
                "lowest_spot_share": float(np.median(spot)),
                "sagemaker_over_ec2": float(np.median(seen)) if seen else "",
            }
        )
    furthest = max(row["furthest_apart"] for row in rows)
    shares = [s / usd for usd, s in theirs.values() if s]
    everywhere = {"instance_type": "all", "lowest_spot_share": float(np.median(shares))}
    rows.append(everywhere)
    return rows, [
        check("rows compared", len(theirs), 50, "higher"),
        check("EC2 price of ours over SkyPilot's, furthest from 1", furthest, 0.001, "lower"),
    ]
