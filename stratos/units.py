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


def dollars(usd: float) -> str:
    """`$1,251`, `$63.51`, or two digits below a cent: `$0.0048`."""
    if abs(usd) >= 1000:
        return f"${usd:,.0f}"
    return f"${usd:,.2f}" if usd >= 0.01 or usd == 0 else f"${figure(usd, 2)}"


def quantity(name: str, value: float) -> str:
    """A number with the unit that its field's name says: `20,000 ms`, `$1,251`, `0.32 h`.

    Args:
        name: Of a constraint, or of a forecast: `max_p95_latency_ms`, `usd_to_deploy`.
    """
    words = name.split("_")
    if words[-1] == "ms":
        return f"{figure(round(value) if value >= 100 else value, 3 if value < 100 else 12)} ms"
    if "hours" in words:
        return f"{figure(value, 3)} h"
    if "usd" in words:
        return dollars(value).removesuffix(".00")
    return figure(value)


def between(name: str, value: float, lo: float, hi: float) -> str:
    """The same with its interval: `0.32 (0.15–0.68) h`, `$64 ($57–$71)`."""
    words = name.split("_")
    told = [quantity(name, number) for number in (value, lo, hi)]
    if not {"ms", "hours", "usd"} & set(words):
        told = [figure(number, 2) for number in (value, lo, hi)]
    if "usd" in words and value >= 10:
        told = [f"${number:,.0f}" for number in (value, lo, hi)]
    unit = next((unit for unit in (" ms", " h") if told[0].endswith(unit)), "")
    middle, low, high = (text.removesuffix(unit) for text in told)
    return told[0] if low == high else f"{middle} ({low}–{high}){unit}"
