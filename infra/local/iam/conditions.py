"""The conditions of a statement, by operator.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import partial
from operator import eq, ge, gt, le, lt
from typing import Any

from infra.local.iam import patterns
from infra.local.iam.patterns import Context, Match

Test = Callable[[Context], bool]


@dataclass(frozen=True)
class Condition:
    """One operator over one key: the key's values in a call are held to `values`."""

    operator: str
    key: str
    values: tuple[str, ...]

    def compiled(self) -> Test:
        """What a call's context, with its keys in lower case, is held to.

        Raises:
            ValueError: The operator is unknown here, or a value is not of its kind.
        """
        quantifier, _, rest = self.operator.rpartition(":")
        name = rest.removesuffix("IfExists")
        key = self.key.lower()
        if not self.values:
            raise ValueError(f"{self.operator} of {self.key} has no value to compare with")
        if rest == "Null" and not quantifier:
            return _null(key, self.values)
        of_any_if_exists = (
            quantifier == "ForAnyValue" and name != rest
        )  # what then, AWS leaves open
        known = name in _OPERATORS and quantifier in ("", "ForAllValues", "ForAnyValue")
        if not known or of_any_if_exists:
            raise ValueError(f"condition operator {self.operator} is not known here")
        build, negated = _OPERATORS[name]
        match = patterns.any_of([build(value) for value in self.values])

        def holds(value: str, context: Context) -> bool:
            return match(value, context) is not negated

        if quantifier:
            every = quantifier == "ForAllValues"
            return partial(_over_a_set, key, holds, every)
        return partial(_over_one, key, holds, negated or name != rest)

    def keys(self) -> frozenset[str]:
        """The condition keys that decide it, in lower case."""
        taken = (patterns.variables(value) for value in self.values)
        return frozenset({self.key.lower()}).union(*taken)


def _over_one(key: str, holds: Match, if_absent: bool, context: Context) -> bool:
    values = context.get(key, ())
    if not values:
        return if_absent
    if len(values) > 1:
        raise ValueError(f"{key} has {len(values)} values; ForAllValues or ForAnyValue is needed")
    return holds(values[0], context)


def _over_a_set(key: str, holds: Match, every: bool, context: Context) -> bool:
    """All of no values hold, and none of them does. An empty text is no value."""
    values = [value for value in context.get(key, ()) if value]
    return (all if every else any)(holds(value, context) for value in values)


def _null(key: str, values: tuple[str, ...]) -> Test:
    wanted = {_true_or_false(value) for value in values}

    def test(context: Context) -> bool:
        return ("false" if context.get(key) else "true") in wanted

    return test


def _true_or_false(value: str) -> str:
    if value.lower() not in ("true", "false"):
        raise ValueError(f"{value} is neither true nor false")
    return value.lower()


def _bool(value: str) -> Match:
    if "${" not in value:
        _true_or_false(value)
    return patterns.text(value, ignore_case=True)


def _compare(
    read: Callable[[str], Any], compare: Callable[[Any, Any], bool], pattern: str
) -> Match:
    """Compare what both texts stand for; a call's text that stands for nothing matches nothing."""
    limit = read(pattern)

    def match(value: str, context: Context) -> bool:
        try:
            return compare(read(value), limit)
        except ValueError:
            return False

    return match


def _number(value: str) -> Decimal:
    try:
        return Decimal(value)
    except InvalidOperation as error:
        raise ValueError(f"{value} is no number") from error


def _moment(value: str) -> datetime:
    """A date of ISO 8601, or seconds since 1970."""
    if re.fullmatch(r"\d{5,}(\.\d+)?", value):
        return datetime.fromtimestamp(float(value), UTC)
    if re.fullmatch(r"\d{4}(-\d{2})?", value):
        value = f"{value}-01-01"[: len("2020-01-01")]
    moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _network(value: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    return ipaddress.ip_network(value, strict=False)


def _is_within(inner: Any, outer: Any) -> bool:
    return bool(inner.version == outer.version and inner.subnet_of(outer))


_EQUALS = partial(patterns.text)
_LIKE = partial(patterns.text, wildcards=True)
_SAME_LETTERS = partial(patterns.text, ignore_case=True)
_WITHIN = partial(_compare, _network, _is_within)

_OPERATORS: dict[str, tuple[Callable[[str], Match], bool]] = {
    "StringEquals": (_EQUALS, False),
    "StringNotEquals": (_EQUALS, True),
    "StringEqualsIgnoreCase": (_SAME_LETTERS, False),
    "StringNotEqualsIgnoreCase": (_SAME_LETTERS, True),
    "StringLike": (_LIKE, False),
    "StringNotLike": (_LIKE, True),
    "ArnEquals": (patterns.arn, False),
    "ArnLike": (patterns.arn, False),
    "ArnNotEquals": (patterns.arn, True),
    "ArnNotLike": (patterns.arn, True),
    "Bool": (_bool, False),
    "IpAddress": (_WITHIN, False),
    "NotIpAddress": (_WITHIN, True),
    **{
        f"{kind}{name}": (partial(_compare, read, compare), negated)
        for kind, read in (("Numeric", _number), ("Date", _moment))
        for name, compare, negated in (
            ("Equals", eq, False),
            ("NotEquals", eq, True),
            ("LessThan", lt, False),
            ("LessThanEquals", le, False),
            ("GreaterThan", gt, False),
            ("GreaterThanEquals", ge, False),
        )
    },
}
"""How a value is held to one of the policy's, and whether the operator negates that."""
