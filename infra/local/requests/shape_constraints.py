"""A request held to the shapes of botocore's service model, as AWS does before it acts.

boto3 checks members, types and smallest lengths. Patterns, enumerations and largest lengths stand
in the model too, and are the service's to check. Found problems are worded as AWS words them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

MAX_SHOWN = 256
_LOCAL_INSTANCE = re.compile(r"ml\.local\.cpu\d+")


def violations(shape: Any, value: Any) -> list[str]:
    """What is wrong with the members of a request, of which `shape` is the input shape."""
    return list(_members(shape, value, ""))


def _members(shape: Any, value: Mapping[str, Any], path: str) -> Iterator[str]:
    for name in shape.required_members:
        if value.get(name) is None:
            yield f"Value null at '{_joined(path, name)}' failed to satisfy constraint: " + (
                "Member must not be null"
            )
    for name, item in value.items():
        if item is not None and name in shape.members:
            yield from _nested(shape.members[name], item, _joined(path, name))


def _nested(shape: Any, value: Any, path: str) -> Iterator[str]:
    for broken in _broken(shape, value):
        yield f"Value {_shown(shape, value)} at '{path}' failed to satisfy constraint: {broken}"
    if shape.type_name == "structure" and isinstance(value, Mapping):
        yield from _members(shape, value, path)
    elif shape.type_name == "list" and isinstance(value, list):
        yield from _items(shape.member, list(enumerate(value, 1)), value, path, "Member")
    elif shape.type_name == "map" and isinstance(value, Mapping):
        keyed = [(key, key) for key in value]
        yield from _items(shape.key, keyed, value, path, "Map keys")
        yield from _items(shape.value, list(value.items()), value, path, "Map value")


def _items(
    shape: Any, items: list[tuple[Any, Any]], whole: Any, path: str, noun: str
) -> Iterator[str]:
    """What is wrong in a collection; AWS reports scalars at the collection, by its constraint."""
    if shape.type_name in ("structure", "list", "map"):
        for key, item in items:
            yield from _nested(shape, item, f"{path}.{key}.member")
        return
    broken = dict.fromkeys(text for _, item in items for text in _broken(shape, item))
    if broken:
        yield (
            f"Value {_shown(shape, whole)} at '{path}' failed to satisfy constraint: "
            f"{noun} must satisfy constraint: [{', '.join(broken)}]"
        )


def _broken(shape: Any, value: Any) -> Iterator[str]:
    limits = shape.metadata
    if isinstance(value, bool):
        return
    if isinstance(value, int | float):
        if "min" in limits and value < limits["min"]:
            yield f"Member must have value greater than or equal to {limits['min']}"
        if "max" in limits and value > limits["max"]:
            yield f"Member must have value less than or equal to {limits['max']}"
        return
    if not isinstance(value, str | bytes | list | Mapping):
        return
    if "max" in limits and len(value) > limits["max"]:
        yield f"Member must have length less than or equal to {limits['max']}"
    if "min" in limits and len(value) < limits["min"]:
        yield f"Member must have length greater than or equal to {limits['min']}"
    if isinstance(value, str):
        yield from _broken_text(limits, value)


def _broken_text(limits: Mapping[str, Any], value: str) -> Iterator[str]:
    expression = _compiled(limits["pattern"]) if "pattern" in limits else None
    if expression and not expression.fullmatch(value):
        yield f"Member must satisfy regular expression pattern: {limits['pattern']}"
    # This machine stands for instance types that AWS does not have.
    if "enum" in limits and value not in limits["enum"] and not _LOCAL_INSTANCE.fullmatch(value):
        yield f"Member must satisfy enum value set: [{', '.join(limits['enum'])}]"


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str] | None:
    r"""The pattern, or None where Python cannot read it (Java's `\p{…}`)."""
    try:
        return re.compile(pattern)
    except re.error:
        return None


def _shown(shape: Any, value: Any) -> str:
    if "sensitive" in shape.metadata or isinstance(value, bytes):
        return "at a sensitive member"
    text = str(value)
    return f"'{text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + '…'}'"


def _joined(path: str, name: str) -> str:
    member = name[:1].lower() + name[1:]
    return f"{path}.{member}" if path else member
