"""Event patterns that EventBridge refuses, and moto takes.

By the rule language of https://github.com/aws/event-ruler, in which EventBridge reads patterns:
moto lets whatever it does not know match everything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from moto.events.exceptions import InvalidEventPatternException
from moto.events.models import EventPatternParser

from infra.local.host.patching import Patches

_COMPARISONS = frozenset({"<", "<=", "=", ">", ">="})
_LARGEST_NUMBER = 5e9


def mend_patterns(patches: Patches) -> None:
    """Install the checks; `patches.restore()` takes them back."""

    def validate(parser: Any, pattern: dict[str, Any]) -> None:
        original(parser, pattern)
        for problem in problems(pattern):
            raise InvalidEventPatternException(reason=problem)

    original = patches.replace(EventPatternParser, "_validate_event_pattern", validate)


def problems(pattern: Mapping[str, Any]) -> Iterator[str]:
    """Why EventBridge would refuse this pattern."""
    for name, value in pattern.items():
        if name == "$or" and isinstance(value, list):
            yield from _problems_of_or(value)
        elif isinstance(value, Mapping):
            yield from problems(value)
        elif isinstance(value, list):
            for item in value:
                yield from _problems_of_value(item)


def _problems_of_or(alternatives: list[Any]) -> Iterator[str]:
    if len(alternatives) < 2 or not all(isinstance(one, Mapping) for one in alternatives):
        yield "There must have at least 2 Objects in $or relationship"
        return
    for alternative in alternatives:
        yield from problems(alternative)


def _problems_of_value(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        yield "Match value must be String, number, true, false, or null"
    elif isinstance(value, Mapping):
        if len(value) != 1:
            yield "Only one key allowed in match expression"
            return
        [(kind, wanted)] = value.items()
        check = _FILTERS.get(kind)
        if check is None:
            yield f"Unrecognized match type {kind}"
        elif not check(wanted):
            yield f"{kind} has a value that it cannot match: {wanted!r}"


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _is_text_or_without_case(value: Any) -> bool:
    if isinstance(value, Mapping):
        return list(value) == ["equals-ignore-case"] and _is_text(value["equals-ignore-case"])
    return _is_text(value)


def _is_wildcard(value: Any) -> bool:
    r"""No two asterisks in a row; a backslash stands before an asterisk or a backslash only."""
    if not _is_text(value):
        return False
    plain = re.sub(r"\\[\\*]", "", value)
    return "\\" not in plain and "**" not in plain


def _is_range(value: Any) -> bool:
    if not isinstance(value, list) or len(value) not in (2, 4):
        return False
    return all(operator in _COMPARISONS for operator in value[::2]) and all(
        isinstance(number, int | float)
        and not isinstance(number, bool)
        and abs(number) <= _LARGEST_NUMBER
        for number in value[1::2]
    )


def _is_anything_but(value: Any) -> bool:
    if isinstance(value, Mapping):
        [(kind, wanted)] = value.items() if len(value) == 1 else [("", None)]
        check = _NEGATED.get(kind)
        wanted = wanted if isinstance(wanted, list) else [wanted]
        return check is not None and bool(wanted) and all(check(one) for one in wanted)
    values = value if isinstance(value, list) else [value]
    texts = [isinstance(one, str) for one in values]
    numbers = [isinstance(one, int | float) and not isinstance(one, bool) for one in values]
    return bool(values) and (all(texts) or all(numbers))


_NEGATED: Mapping[str, Callable[[Any], bool]] = {
    "prefix": _is_text,
    "suffix": _is_text,
    "equals-ignore-case": _is_text,
    "wildcard": _is_wildcard,
}
_FILTERS: Mapping[str, Callable[[Any], bool]] = {
    "anything-but": _is_anything_but,
    "cidr": _is_text,
    "equals-ignore-case": _is_text,
    "exists": lambda value: isinstance(value, bool),
    "numeric": _is_range,
    "prefix": _is_text_or_without_case,
    "suffix": _is_text_or_without_case,
    "wildcard": _is_wildcard,
}
