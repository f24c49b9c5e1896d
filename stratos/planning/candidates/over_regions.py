"""The exact front of endpoints in several regions, each of which serves a set of origins.

Every origin is sent to one region, and a region has one endpoint. Given the partition of the
origins, endpoints meet only in the largest latency and in the sum of dollars. So for each latency
the cheapest fleet is found by dynamic programming over sets of origins. First two sets may share a
region: that is a lower bound, and exact wherever they do not. Where they do, the search is repeated
region by region, so that each is used once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from stratos.planning.arrays import Floats, Integers
from stratos.planning.front import non_dominated


@dataclass(frozen=True)
class Choices:
    """Endpoints that could serve one set of origins. Arrays run over endpoints.

    Attributes:
        region: A number for each.
        latency: Of the origin that is served worst.
        usd: A month.
        row: What the caller knows the endpoint by.
    """

    region: Integers
    latency: Floats
    usd: Floats
    row: Integers

    def __len__(self) -> int:
        return len(self.region)

    def at(self, rows: Integers) -> Choices:
        return Choices(self.region[rows], self.latency[rows], self.usd[rows], self.row[rows])


@dataclass(frozen=True)
class OverRegions:
    """Endpoints in different regions, and what they reach together.

    Attributes:
        parts: Set of origins, as bits, and position among the choices of that set.
    """

    latency: float
    usd: float
    parts: tuple[tuple[int, int], ...]


def cheapest_over_regions(choices: Sequence[Choices]) -> list[OverRegions]:
    """Non-dominated fleets over two regions and more, the fastest first.

    Args:
        choices: For every set of origins, at the position of its bits less one.
    """
    kept = [_worthwhile(found, len(choices).bit_length()) for found in choices]
    fleets = _fleets([found.at(rows) for found, rows in zip(choices, kept, strict=True)])
    return [
        replace(fleet, parts=tuple((part, int(kept[part - 1][at])) for part, at in fleet.parts))
        for fleet in fleets
    ]


def _worthwhile(found: Choices, most: int) -> Integers:
    """Choices that some fleet of at most so many endpoints could need.

    Where as many other regions offer no less latency and dollars, one of them is free.
    """
    order = np.lexsort((found.usd, found.latency))
    usd, region = found.usd[order], found.region[order]
    cheapest = np.full((int(region.max(initial=0)) + 1, len(order)), np.inf)
    cheapest[region, np.arange(len(order))] = usd
    better = np.minimum.accumulate(cheapest, axis=1) <= usd
    return np.asarray(order[better.sum(axis=0) <= most], dtype=np.int64)


def _fleets(choices: Sequence[Choices]) -> list[OverRegions]:
    sets = [_Set.of(found) for found in choices]
    thresholds = np.unique(np.concatenate([found.latency for found in sets]))
    best, chosen = _sharing(sets, thresholds)
    steps = _steps(best[-1])
    ends = np.append(thresholds[steps[1:]], np.inf)
    found: list[OverRegions] = []
    shared: list[tuple[float, float]] = []
    for step, end in zip(steps, ends[: len(steps)], strict=True):
        parts = _parts(sets, thresholds[step], chosen[:, step])
        if _differ(choices, parts):
            found.append(_fleet(choices, parts))
        else:
            shared.append((float(thresholds[step]), float(end)))
    if shared:
        found += _apart(choices, shared)
    several = [fleet for fleet in found if len(fleet.parts) > 1]
    points = np.array([(fleet.latency, fleet.usd) for fleet in several]).reshape(-1, 2)
    kept = [several[row] for row in non_dominated(points)]
    return sorted(kept, key=lambda fleet: fleet.latency)


@dataclass(frozen=True)
class _Set:
    """The front of one set's choices, the fastest first."""

    latency: Floats
    usd: Floats
    at: Integers

    @classmethod
    def of(cls, found: Choices) -> _Set:
        order = np.lexsort((found.usd, found.latency))
        usd = found.usd[order]
        cheaper = usd < np.concatenate(([np.inf], np.minimum.accumulate(usd)[:-1]))
        kept = order[cheaper]
        return cls(found.latency[kept], found.usd[kept], kept)

    def within(self, thresholds: Floats) -> Floats:
        """Dollars of the cheapest choice that is no slower; infinite if none is."""
        position = np.searchsorted(self.latency, thresholds, side="right")
        return np.asarray(np.concatenate(([np.inf], self.usd))[position], dtype=np.float64)

    def choice(self, threshold: float) -> int:
        return int(self.at[np.searchsorted(self.latency, threshold, side="right") - 1])


def _sharing(sets: Sequence[_Set], thresholds: Floats) -> tuple[Floats, Integers]:
    """Dollars for every set of origins within each latency, if regions may be shared.

    And which part of the set is served together with its first origin.
    """
    alone = np.array([found.within(thresholds) for found in sets])
    best = np.zeros((len(sets) + 1, len(thresholds)))
    chosen = np.zeros_like(best, dtype=np.int64)
    for origins in range(1, len(sets) + 1):
        best[origins], chosen[origins] = alone[origins - 1], origins
        for part in _parts_with_the_first(origins):
            usd = alone[part - 1] + best[origins ^ part]
            cheaper = usd < best[origins]
            best[origins][cheaper], chosen[origins][cheaper] = usd[cheaper], part
    return best, chosen


def _parts_with_the_first(origins: int) -> Iterator[int]:
    """Real subsets that hold the lowest bit."""
    first = origins & -origins
    rest = origins ^ first
    below = (rest - 1) & rest
    while rest:
        yield first | below
        if not below:
            return
        below = (below - 1) & rest


def _steps(usd: Floats) -> Integers:
    """Where dollars fall, as the latency that is allowed grows."""
    before = np.concatenate(([np.inf], usd[:-1]))
    return np.flatnonzero(usd < before)


def _parts(sets: Sequence[_Set], threshold: float, chosen: Integers) -> list[tuple[int, int]]:
    left, parts = len(sets), []
    while left:
        part = int(chosen[left])
        parts.append((part, sets[part - 1].choice(threshold)))
        left ^= part
    return parts


def _differ(choices: Sequence[Choices], parts: Sequence[tuple[int, int]]) -> bool:
    regions = [int(choices[part - 1].region[at]) for part, at in parts]
    return len(set(regions)) == len(regions)


def _fleet(choices: Sequence[Choices], parts: Sequence[tuple[int, int]]) -> OverRegions:
    return OverRegions(
        max(float(choices[part - 1].latency[at]) for part, at in parts),
        sum(float(choices[part - 1].usd[at]) for part, at in parts),
        tuple(sorted(parts)),
    )


def _apart(
    choices: Sequence[Choices], intervals: Sequence[tuple[float, float]]
) -> list[OverRegions]:
    """The cheapest fleets of some intervals of latency, each region used once.

    Args:
        intervals: Least latency, and the one below which it ends.
    """
    every = np.unique(np.concatenate([found.latency for found in choices]))
    within = [(every >= least) & (every < end) for least, end in intervals]
    thresholds = every[np.logical_or.reduce(within)]
    regions, alone = _by_region(choices, thresholds)
    pairs = np.array(
        [(whole, part) for whole in range(1, len(choices) + 1) for part in _subsets(whole)]
    )
    starts = np.flatnonzero(np.diff(pairs[:, 0], prepend=0))
    best = [np.full((len(choices) + 1, len(thresholds)), np.inf)]
    best[0][0] = 0.0
    for usd in alone:
        more = usd[pairs[:, 1]] + best[-1][pairs[:, 0] ^ pairs[:, 1]]
        following = best[-1].copy()
        following[1:] = np.minimum(following[1:], np.minimum.reduceat(more, starts, axis=0))
        best.append(following)
    return [
        _fleet(choices, _traced(choices, regions, alone, best, thresholds, int(step)))
        for step in _steps(best[-1][-1])
    ]


def _subsets(origins: int) -> Iterator[int]:
    part = origins
    while part:
        yield part
        part = (part - 1) & origins


def _by_region(choices: Sequence[Choices], thresholds: Floats) -> tuple[Integers, Floats]:
    """Regions, and dollars of the cheapest endpoint of each for each set within each latency."""
    latency = np.concatenate([found.latency for found in choices])
    usd = np.concatenate([found.usd for found in choices])
    origins = np.repeat(np.arange(1, len(choices) + 1), [len(found) for found in choices])
    every = np.concatenate([found.region for found in choices])
    regions, region = np.unique(every, return_inverse=True)
    at = np.searchsorted(thresholds, latency)
    fits = at < len(thresholds)
    cheapest = np.full((len(regions), len(choices) + 1, len(thresholds)), np.inf)
    np.minimum.at(cheapest, (region[fits], origins[fits], at[fits]), usd[fits])
    return regions, np.asarray(np.minimum.accumulate(cheapest, axis=2), dtype=np.float64)


def _traced(
    choices: Sequence[Choices],
    regions: Integers,
    alone: Floats,
    best: Sequence[Floats],
    thresholds: Floats,
    step: int,
) -> list[tuple[int, int]]:
    """The parts of the cheapest fleet, from the last region to the first."""
    left, parts = len(choices), []
    for position in reversed(range(len(regions))):
        before = best[position][:, step]
        if best[position + 1][left, step] == before[left]:
            continue
        usd = alone[position][:, step]
        part = min(_subsets(left), key=lambda part: usd[part] + before[left ^ part])
        parts.append((part, _cheapest(choices[part - 1], int(regions[position]), thresholds[step])))
        left ^= part
    return parts


def _cheapest(found: Choices, region: int, threshold: float) -> int:
    fits = np.flatnonzero((found.region == region) & (found.latency <= threshold))
    return int(fits[np.argmin(found.usd[fits])])


def num_over_regions(per_region: Sequence[int], num_origins: int) -> int:
    """How many fleets over two regions and more there are.

    A fleet over b regions is a partition of the origins into b sets (Stirling's number of the
    second kind), b different regions in some order, and one endpoint in each.

    Args:
        per_region: Endpoints in each region.
    """
    ways = [1] + [0] * num_origins  # elementary symmetric polynomials of the numbers
    for count in per_region:
        for several in range(num_origins, 0, -1):
            ways[several] += count * ways[several - 1]
    total, orders = 0, 1
    for several in range(2, num_origins + 1):
        orders *= several
        total += _partitions(num_origins, several) * orders * ways[several]
    return total


def _partitions(size: int, parts: int) -> int:
    if size == parts or parts == 1:
        return 1
    if parts > size:
        return 0
    return parts * _partitions(size - 1, parts) + _partitions(size - 1, parts - 1)
