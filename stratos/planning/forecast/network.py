"""Network round trips between regions, estimated from distance: AWS publishes no table."""

from __future__ import annotations

import math

from stratos.regions import region_places

FIBRE_KM_PER_MS = 204.0
"""Light in glass: two thirds of its speed in vacuum."""
DETOUR = 1.6
"""Cable length over the great circle, with routing; assumed."""
WITHIN_REGION_MS = 1.0
EARTH_RADIUS_KM = 6371.0
UNKNOWN_MS = 250.0
"""For a region that is not in the table."""


def round_trip_ms(origin: str, region: str) -> float:
    """Round trip between two regions: there and back along the great circle, with detours."""
    if origin == region:
        return WITHIN_REGION_MS
    places = region_places()
    if origin not in places or region not in places:
        return UNKNOWN_MS
    kilometres = great_circle_km(places[origin], places[region])
    return WITHIN_REGION_MS + 2 * kilometres * DETOUR / FIBRE_KM_PER_MS


def great_circle_km(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Distance between two points of (latitude, longitude) in degrees: the haversine formula."""
    lat_a, lon_a, lat_b, lon_b = (math.radians(x) for x in (*a, *b))
    half = (
        math.sin((lat_b - lat_a) / 2) ** 2
        + math.cos(lat_a) * math.cos(lat_b) * math.sin((lon_b - lon_a) / 2) ** 2
    )
    return 2 * EARTH_RADIUS_KM * math.asin(math.sqrt(half))
