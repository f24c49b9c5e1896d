"""Two models on the same questions."""

from __future__ import annotations

from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos.statistics.mcnemar import compare, mcnemar_p_value


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_equals_the_exact_binomial_sum(first, second):
    n, few = first + second, min(first, second)
    exact = min(1.0, 2 * sum(comb(n, k) for k in range(few + 1)) / 2**n)
    assert mcnemar_p_value(first, second) == pytest.approx(exact)
    assert mcnemar_p_value(first, second) == mcnemar_p_value(second, first)


def test_only_discordant_pairs_are_compared():
    found = compare("teacher", [True, True, False, True], [True, False, True, False])
    assert (found.only_student_right, found.only_other_right) == (2, 1)
    assert found.other == "teacher"


def test_unpaired_outcomes_are_refused():
    with pytest.raises(ValueError, match="2 outcomes against 1 of teacher"):
        compare("teacher", [True, False], [True])
