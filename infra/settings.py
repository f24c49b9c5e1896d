"""The settings of a stack, which `cdk.json` has, or `-c stratos:NAME=VALUE` in its place.

JSON has values of several types; on a command line each is a text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

_FLAGS: dict[object, bool] = {"true": True, "false": False}


@dataclass(frozen=True)
class StackSettings:
    """Settings by their name without `stratos:`.

    Attributes:
        lookup: A value of the CDK's context by its key; None where it has none.
    """

    lookup: Callable[[str], object]

    def text(self, name: str) -> str:
        """A text, empty where none is given."""
        value = self.lookup(f"stratos:{name}")
        if value is None or isinstance(value, str):
            return value or ""
        raise _refused(name, value, "a text")

    def names(self, name: str) -> tuple[str, ...]:
        """Names with commas between them, in lower case."""
        return tuple(part for text in self.text(name).split(",") if (part := text.strip().lower()))

    def flag(self, name: str) -> bool:
        value = self.lookup(f"stratos:{name}")
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value in _FLAGS:
            return _FLAGS[value]
        raise _refused(name, value, "true or false")

    def number(self, name: str) -> int:
        """A whole number that is not negative."""
        value = self.lookup(f"stratos:{name}")
        if isinstance(value, str) and value.isdecimal():
            return int(value)
        # JavaScript, through which the context goes, has no whole numbers.
        if isinstance(value, int | float) and not isinstance(value, bool) and value == int(value):
            return int(value)
        raise _refused(name, value, "a whole number")


def _refused(name: str, value: object, wanted: str) -> ValueError:
    found = "missing" if value is None else repr(value)
    return ValueError(
        f"stratos:{name} is {found}; it is {wanted}. Set it in cdk.json, or with "
        f"-c stratos:{name}=VALUE"
    )
