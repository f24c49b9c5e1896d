"""Endpoints in several regions: the exact front, against every fleet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import permutations, product

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stratos.planning.candidates.over_regions import (
    Choices,
    cheapest_over_regions,
    num_over_regions,
)
from tests.unit.stratos.planning.brute_force import partitions


def bits(part: Sequence[int]) -> int:
    return sum(1 << origin for origin in part)


def every_fleet(choices: list[Choices], num_origins: int) -> Iterator[tuple[float, float]]:
    """Latency and dollars of each fleet over two regions and more."""
    regions = sorted({int(region) for found in choices for region in found.region})
    for parts in partitions(range(num_origins)):
        if len(parts) < 2:
            continue
        found = [choices[bits(part) - 1] for part in parts]
        for chosen in permutations(regions, len(parts)):
            options = [
                np.flatnonzero(each.region == region)
                for each, region in zip(found, chosen, strict=True)
            ]
            for rows in product(*options):
                pairs = list(zip(found, rows, strict=True))
                yield (
                    max(float(each.latency[row]) for each, row in pairs),
                    sum(float(each.usd[row]) for each, row in pairs),
                )


def front(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    kept: list[tuple[float, float]] = []
    for latency, usd in sorted(set(points)):
        if not kept or usd < kept[-1][1]:
            kept.append((latency, usd))
    return kept


@st.composite
def several_choices(draw: st.DrawFn) -> tuple[list[Choices], int]:
    """Few distinct figures and one cheap region, so that sets of origins want the same one."""
    num_origins = draw(st.integers(2, 3))
    num_regions = draw(st.integers(1, 4))
    found = []
    for _ in range(2**num_origins - 1):
        size = draw(st.integers(0, 5))
        region = draw(st.lists(st.integers(0, num_regions - 1), min_size=size, max_size=size))
        latency = draw(st.lists(st.integers(1, 8), min_size=size, max_size=size))
        usd = draw(st.lists(st.integers(1, 8), min_size=size, max_size=size))
        cost = np.array(usd, dtype=np.float64) + 4.0 * np.array(region, dtype=np.float64)
        found.append(
            Choices(
                np.array(region, dtype=np.int64),
                np.array(latency, dtype=np.float64),
                cost,
                np.arange(size),
            )
        )
    return found, num_origins


@given(several_choices())
def test_the_front_is_that_of_every_fleet(drawn: tuple[list[Choices], int]) -> None:
    choices, num_origins = drawn
    fleets = cheapest_over_regions(choices)
    whole = 2**num_origins - 1
    alone = choices[whole - 1]
    single = list(zip(alone.latency.tolist(), alone.usd.tolist(), strict=True))
    found = front([*single, *((fleet.latency, fleet.usd) for fleet in fleets)])
    assert found == front([*single, *every_fleet(choices, num_origins)])
    for fleet in fleets:
        parts = [part for part, _ in fleet.parts]
        assert sum(parts) == whole
        assert len({int(choices[part - 1].region[at]) for part, at in fleet.parts}) == len(parts)


def test_fleets_are_counted_as_they_are_enumerated() -> None:
    sizes = (2, 1, 3)
    rows = np.repeat(np.arange(3), sizes)
    one = Choices(rows, np.ones(6), np.ones(6), np.arange(6))
    assert num_over_regions(sizes, 3) == len(list(every_fleet([one] * 7, 3)))
    assert num_over_regions(sizes, 1) == 0
