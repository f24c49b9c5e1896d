"""What is counted of the records."""

from __future__ import annotations

from pathlib import Path

import pytest

from stratos.dataset.inspection import Lengths
from stratos.dataset.tally import OTHERS, LengthCounts
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
