"""JSON values of answers: read strictly, compared as values."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import NoReturn

MAX_NUMBER_CHARACTERS = 400
"""A longer number is none: its arithmetic would cost more than reading it."""

JsonInput = dict[str, "JsonInput"] | list["JsonInput"] | str | Decimal | bool | None
"""What `read_json` returns: every number is a `Decimal`, so that none is rounded."""

Close = Callable[[Decimal, Decimal], bool]


def read_json(text: str) -> JsonInput:
    """Read JSON as the standard has it.

    Raises:
        ValueError: when it is not JSON, or holds `NaN`, `Infinity` or an absurdly long number.
        RecursionError: when it is nested too deeply.
    """
    value: JsonInput = json.loads(
        text, parse_int=_number, parse_float=_number, parse_constant=_refuse
    )
    return value


def equal_json(ours: JsonInput, theirs: JsonInput, close: Close | None = None) -> bool:
    """Tell whether values are equal: 1 and 1.0 are, `true` and 1 are not, nor a text and a number.

    Args:
        close: Decides about two numbers; without it, they must be equal.
    """
    match ours, theirs:
        case dict(), dict():
            return ours.keys() == theirs.keys() and all(
                equal_json(value, theirs[key], close) for key, value in ours.items()
            )
        case list(), list():
            return len(ours) == len(theirs) and all(
                equal_json(one, other, close) for one, other in zip(ours, theirs, strict=True)
            )
        case Decimal(), Decimal():
            return ours == theirs or (close is not None and close(ours, theirs))
        case _:
            return type(ours) is type(theirs) and ours == theirs


def sort_key(value: JsonInput) -> str:
    """Text that is the same for equal values, by which values can be put in order."""
    parts: list[str] = []
    _write(value, parts)
    return "".join(parts)


def within(tolerance: float) -> Close:
    """Numbers are close if they differ by no more than this."""
    most = Decimal(str(tolerance))

    def close(ours: Decimal, theirs: Decimal) -> bool:
        try:
            return abs(ours - theirs) <= most
        except ArithmeticError:
            return False

    return close


def _write(value: JsonInput, parts: list[str]) -> None:
    match value:
        case dict():
            parts.append("{")
            for key in sorted(value):
                parts.append(f"{json.dumps(key)}:")
                _write(value[key], parts)
                parts.append(",")
            parts.append("}")
        case list():
            parts.append("[")
            for one in value:
                _write(one, parts)
                parts.append(",")
            parts.append("]")
        case Decimal():
            parts.append(str(value.normalize()) if value else "0")
        case _:
            parts.append(json.dumps(value))


def _number(text: str) -> Decimal:
    if len(text) > MAX_NUMBER_CHARACTERS:
        raise ValueError(f"a number of {len(text)} characters")
    return Decimal(text)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
