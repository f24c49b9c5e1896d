"""What a precision is expected to cost in accuracy."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos.contracts.plan import Interval, ServedPrecision
from stratos.planning.forecast.quantisation import LOSS_AT_8B, MOST_TIMES, lost_share, quantised


def test_at_8b_the_loss_is_that_of_the_published_perplexities() -> None:
    assert lost_share("q8_0", 8e9).value == pytest.approx(0.001)
    assert lost_share("q4_k_m", 8e9).value == pytest.approx(0.028)


@pytest.mark.parametrize("precision", ["float32", "float16", "bfloat16", None])
def test_without_quantisation_nothing_is_lost(precision: ServedPrecision | None) -> None:
    assert lost_share(precision, 1e6) == Interval(value=0.0, lo=0.0, hi=0.0)


@given(parameters=st.floats(1e5, 1e11))
def test_smaller_models_lose_more_up_to_a_bound(parameters: float) -> None:
    for precision, at_8b in LOSS_AT_8B.items():
        loss = lost_share(precision, parameters)
        assert loss.value >= lost_share(precision, 2 * parameters).value
        assert loss.lo < loss.value < loss.hi
        assert loss.value <= MOST_TIMES * at_8b


@given(value=st.floats(0.1, 0.9), parameters=st.floats(1e5, 1e11))
def test_a_loss_lowers_the_forecast_and_widens_its_interval(
    value: float, parameters: float
) -> None:
    full = Interval(value=value, lo=value / 2, hi=min(1.0, value * 1.1))
    served = quantised(full, lost_share("q4_k_m", parameters))
    assert served.lo <= served.value <= served.hi
    assert served.value < full.value
    assert served.hi / served.lo > full.hi / full.lo
