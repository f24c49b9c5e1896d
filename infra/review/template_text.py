"""Pieces of a template as one reads them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any


def plain(logical_id: str) -> str:
    """A logical id without its hash."""
    return re.sub(r"[0-9A-F]{8}$", "", logical_id)


def listed(value: Any) -> list[Any]:
    """What a policy may write with or without a list."""
    return value if isinstance(value, list) else [value]


def text(value: Any) -> str:
    """A value without what ARNs of this account share."""
    if isinstance(value, str):
        return value
    ((function, given),) = value.items()
    if function == "Fn::Join":
        joined = "".join(text(part) for part in given[1])
        return re.sub(r"^arn:PARTITION:", "", joined)
    if function == "Fn::Sub":
        return str(given)
    if function == "Ref":
        pseudo = {"AWS::Partition": "PARTITION", "AWS::Region": "REGION"}
        pseudo["AWS::AccountId"] = "ACCOUNT"
        return pseudo.get(given, plain(given))
    return plain(given[0])


def conditions_of(conditions: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Each test of a statement's condition, such as ``StringEquals `key` `value` ``."""
    return [
        f"{operator} `{key}` {' or '.join(f'`{text(item)}`' for item in listed(value))}"
        for operator, tested in conditions.items()
        for key, value in tested.items()
    ]


def table(*rows: tuple[str, ...]) -> str:
    """A table of Markdown; the first row is its head."""
    head, *body = rows
    lines = [head, ("---",) * len(head), *body]
    return "".join(
        f"| {' | '.join(line)} |\n" if line is not lines[1] else f"|{'|'.join(line)}|\n"
        for line in lines
    )
