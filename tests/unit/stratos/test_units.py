"""Numbers as people write them."""

from __future__ import annotations

import pytest

from stratos.units import between, count, dollars, figure, quantity


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


@pytest.mark.parametrize(
    ("name", "value", "written"),
    [
        ("max_p95_latency_ms", 20_000.0, "20,000 ms"),
        ("max_p95_latency_ms", 1_234.56, "1,235 ms"),
        ("p50_latency_ms", 8.123, "8.12 ms"),
        ("max_hosting_usd_per_month", 1_250.9, "$1,251"),
        ("max_budget_usd", 50.0, "$50"),
        ("max_budget_usd", 0.5, "$0.50"),
        ("max_usd_per_1000_requests", 0.00483, "$0.0048"),
        ("max_training_hours", 0.3234, "0.323 h"),
        ("min_accuracy", 0.45, "0.45"),
    ],
)
def test_a_quantity_has_the_unit_that_its_name_says(name: str, value: float, written: str) -> None:
    assert quantity(name, value) == written


def test_an_interval_says_its_unit_once() -> None:
    assert between("max_p95_latency_ms", 16.0, 8.0, 34.2) == "16 (8–34.2) ms"
    assert between("usd_per_month", 63.51, 56.4, 1_071.2) == "$64 ($56–$1,071)"
    assert between("max_training_hours", 0.25, 0.25, 0.25) == "0.25 h"


def test_money_has_cents_until_they_do_not_matter() -> None:
    assert [dollars(usd) for usd in (0.0, 63.51, 1_250.6)] == ["$0.00", "$63.51", "$1,251"]
