"""How far each origin of requests is from each region, and the sets that origins form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from stratos.planning.arrays import Floats
from stratos.planning.forecast.network import round_trip_ms


class Distances:
    """Round trips in seconds.

    A set of origins is a number whose bits are the origins, in their order.

    Attributes:
        origins: Region → requests per second.
        regions: Where endpoints may be.
    """

    def __init__(self, origins: Mapping[str, float], regions: Sequence[str]) -> None:
        self.origins, self.regions = dict(origins), tuple(regions)
        self._trips = np.array(
            [[round_trip_ms(origin, region) / 1e3 for region in regions] for origin in origins]
        )
        self._rates = np.array(list(origins.values()))

    @property
    def num_sets(self) -> int:
        return int(2 ** len(self.origins) - 1)

    def seconds(self, origin: str, region: str) -> float:
        at = list(self.origins).index(origin), self.regions.index(region)
        return float(self._trips[at])

    def farthest(self, origins: int) -> Floats:
        """Of the origin of a set that is farthest from each region."""
        return np.asarray(self._trips[self._members(origins)].max(axis=0), dtype=np.float64)

    def rates(self) -> Floats:
        """Requests per second of every set, at the position of its bits less one."""
        sets = range(1, self.num_sets + 1)
        return np.array([self._rates[self._members(origins)].sum() for origins in sets])

    def names(self, origins: int) -> tuple[str, ...]:
        return tuple(np.array(list(self.origins))[self._members(origins)].tolist())

    def _members(self, origins: int) -> list[int]:
        return [bit for bit in range(len(self.origins)) if origins >> bit & 1]
