"""Numbers as people write them."""

from __future__ import annotations

import pytest

from stratos.units import count, figure


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (20_000.0, "20,000"),
        (1_234_567.0, "1,234,567"),
        (0.8, "0.8"),
        (0.03456789, "0.03457"),
        (0.0000312, "0.0000312"),
        (277.4, "277.4"),
        (9.99996, "10"),
        (0.0, "0"),
        (-1_500.0, "-1,500"),
        (float("inf"), "inf"),
    ],
)
def test_a_figure_has_four_digits_and_no_exponent(value: float, written: str) -> None:
    assert figure(value) == written


def test_a_figure_to_be_copied_has_no_thousands_set_apart() -> None:
    assert figure(1_234_567.0, grouped=False) == "1234567"


def test_fewer_digits_may_be_asked_for() -> None:
    assert (figure(123.4, 2), figure(0.1234, 2)) == ("123", "0.12")


def test_one_thing_is_told_apart_from_none_and_from_many() -> None:
    assert [count(n, "row") for n in (0, 1, 1_200)] == ["0 rows", "1 row", "1,200 rows"]
