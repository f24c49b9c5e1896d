"""Numbers are read as they are written."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos.scoring.numbers import parse_quantity, same_number

CENTS = st.integers(-(10**12), 10**12).map(lambda cents: Decimal(cents) / 100)


@given(CENTS, st.sampled_from(["{:,}", "{}", "so {:,}.", "${:,}", "{:,} km", "{:e}"]))
def test_a_number_is_read_back_however_it_is_grouped(value, form):
    assert parse_quantity(form.format(value)).value == value


@given(CENTS, st.sampled_from("٠०０๐০"))
def test_a_number_is_read_in_the_digits_of_every_script(value, zero):
    written = "".join(chr(ord(zero) + int(c)) if c.isdigit() else c for c in str(value))
    assert parse_quantity(written).value == value


@given(st.integers(0, 10**6), st.integers(1, 10**4), st.integers(0, 100))
def test_a_fraction_may_have_a_whole_part(above, below, whole):
    assert parse_quantity(f"{whole} {above}/{below}").value == whole + Decimal(above) / below


@pytest.mark.parametrize(
    ("text", "unit"),
    [("$5", "$"), ("5 EUR", "€"), ("5 per mille", "‰"), ("5 m²", "msq"), ("5 clips", "")],
)
def test_the_unit_of_a_number_is_read_where_it_is_known(text, unit):
    assert parse_quantity(text).unit == unit


def test_large_whole_numbers_are_told_apart():
    nines = "9" * 40
    assert not same_number(f"-{nines}9", f"-{nines}8", 0.0)
    assert not same_number("1" * 2_000, "1" * 2_000, 0.0)


@given(st.text(max_size=60))
def test_a_text_is_a_number_or_none_and_never_an_error(text):
    found = parse_quantity(text)
    assert found is None or found.value == found.value
