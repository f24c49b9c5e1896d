"""Where the regions of AWS are."""

from __future__ import annotations

from functools import cache

from stratos.catalog.shipped import shipped_rows


@cache
def region_places() -> dict[str, tuple[float, float]]:
    """Latitude and longitude of each region, in degrees."""
    return {
        row["region"]: (float(row["latitude"]), float(row["longitude"]))
        for row in shipped_rows("regions.csv")
    }
