"""The difference of two shares."""

from __future__ import annotations

import pytest

from stratos.statistics.newcombe import difference
from stratos.statistics.wilson import proportion


def test_the_published_example_comes_out() -> None:
    """Newcombe 1998, table II, example (a): 56/70 against 48/80."""
    found = difference(proportion(56, 70), proportion(48, 80))
    assert found.value == pytest.approx(0.2)
    assert found.lo == pytest.approx(0.0524, abs=1e-4)
    assert found.hi == pytest.approx(0.3339, abs=1e-4)


def test_equal_shares_differ_by_nothing_either_way() -> None:
    found = difference(proportion(30, 60), proportion(30, 60))
    assert found.value == 0
    assert found.lo == pytest.approx(-found.hi)
