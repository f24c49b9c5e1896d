"""What is counted of the records."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos.contracts.records import SPLITS, Split
from stratos.dataset import tally
from stratos.dataset.facts import Facts, Shape
from stratos.dataset.inspection import Lengths
from stratos.dataset.tally import OTHERS, LengthCounts, Tally
from tests import factories
from tests.unit.stratos.dataset.inspecting import inspect


def test_lengths_are_exact_below_a_thousand_and_to_three_digits_above() -> None:
    counts = LengthCounts()
    for length in (*range(1, 101), 123_456):
        counts.add(length)
    assert counts.summary() == Lengths(mean=(5050 + 123_456) / 101, p50=51, p95=96, max=123_456)
    counts = LengthCounts()
    counts.add(98_765)
    assert counts.summary().p50 == pytest.approx(98_765, rel=0.005)


def test_workloads_beyond_a_thousand_are_counted_together(tmp_path: Path) -> None:
    rows = [row | {"workload": f"w{i}"} for i, row in enumerate(factories.dataset_rows(1200))]
    found, _ = inspect(tmp_path, rows)
    assert (len(found.workloads), found.workloads[OTHERS]) == (1001, 200)


@given(st.lists(st.tuples(st.sampled_from(SPLITS), st.integers(0, 5), st.booleans())))
def test_records_counted_by_shape_are_counted_as_one_by_one(
    records: list[tuple[Split, int, bool]],
) -> None:
    together, apart = Tally(), Tally()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tally, "_MAX_SHAPES", 3)
        patch.setattr(tally, "_MAX_NAMES", 4)
        for split, number, calls in records:
            names = (f"a{number}", f"b{number % 2}")
            shape = Shape(number, calls, calls, calls, False, f"w{number}", names, names[:calls])
            for counts in (together, apart):
                counts.add(Facts(0, 0, number, None, shape), split)
            apart.settle()
        together.settle()
    assert together == apart
    assert list(together.workloads.counts) == list(apart.workloads.counts)
    assert together.num_records.total() == len(records)
