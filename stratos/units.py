"""Units of memory, and numbers in words."""

from __future__ import annotations

import math

MIB = 2**20
GIB = 2**30


def figure(value: float, digits: int = 4, *, grouped: bool = True) -> str:
    """A number as people write it: so many digits, never an exponent.

    Args:
        grouped: Set thousands apart, which a number to be copied into a spec must not be.
    """
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = format(value, f"{',' if grouped else ''}.{decimals}f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def count(number: int, noun: str) -> str:
    """`1 record` or `1,200 records`."""
    return f"{number:,} {noun}{'s' * (number != 1)}"
