"""The regions of AWS, and where they are."""

from __future__ import annotations

import csv
from functools import cache
from importlib import resources


@cache
def region_places() -> dict[str, tuple[float, float]]:
    """Latitude and longitude of each region, in degrees."""
    text = resources.files("stratos").joinpath("regions.csv").read_text(encoding="utf-8")
    return {
        row["region"]: (float(row["latitude"]), float(row["longitude"]))
        for row in csv.DictReader(text.splitlines())
    }


def known_regions() -> tuple[str, ...]:
    """Their names, in order."""
    return tuple(sorted(region_places()))
