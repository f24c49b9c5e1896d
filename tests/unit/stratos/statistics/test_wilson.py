"""Shares with their Wilson interval."""

from __future__ import annotations

from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos.statistics.wilson import proportion, proportion_of

counts = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def test_the_interval_of_no_success_has_its_closed_form():
    z_squared = 1.959963984540054**2
    share = proportion(0, 10)
    assert (share.lo, share.hi) == pytest.approx((0.0, z_squared / (10 + z_squared)))


@given(counts)
def test_the_interval_holds_the_share_and_mirrors_failures(drawn):
    successes, n = drawn
    share, mirrored = proportion(successes, n), proportion(n - successes, n)
    assert 0 <= share.lo <= share.value <= share.hi <= 1
    assert share.lo == pytest.approx(1 - mirrored.hi, abs=1e-12)


@given(counts)
def test_the_interval_ends_solve_the_score_equation(drawn):
    successes, n = drawn
    share = proportion(successes, n)
    for end in {share.lo, share.hi} - {0.0, 1.0}:
        deviation = abs(share.value - end) / sqrt(end * (1 - end) / n)
        assert deviation == pytest.approx(1.959964, abs=1e-5)


def test_of_nothing_the_interval_is_everything():
    empty = proportion_of([])
    assert (empty.lo, empty.hi, empty.n) == (0.0, 1.0, 0)


def test_more_successes_than_trials_are_refused():
    with pytest.raises(ValueError, match="4 successes of 3"):
        proportion(4, 3)
