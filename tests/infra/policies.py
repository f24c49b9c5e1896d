"""What a template's policies allow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def statements(template: dict[str, Any], role: str = "") -> Iterator[dict[str, Any]]:
    """Statements of every policy whose role's logical id contains `role`."""
    for resource in template["Resources"].values():
        if resource["Type"] != "AWS::IAM::Policy":
            continue
        roles = [item["Ref"] for item in resource["Properties"]["Roles"]]
        if any(role in name for name in roles):
            yield from resource["Properties"]["PolicyDocument"]["Statement"]


def actions(template: dict[str, Any], role: str = "") -> set[str]:
    return {action for item in statements(template, role) for action in listed(item["Action"])}
