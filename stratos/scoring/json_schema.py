"""The part of JSON Schema that describes an answer's shape, in the standard library alone.

It runs in jobs where no validator is installed. A keyword it does not know is an error, never
silently true.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int, float),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
_ANNOTATIONS = frozenset(
    {"$schema", "$id", "$comment", "title", "description"}
    | {"default", "examples", "deprecated", "readOnly", "writeOnly"}
)
_KEYWORDS = (
    _ANNOTATIONS
    | {"type", "enum", "const", "anyOf", "allOf", "oneOf", "not"}
    | {"properties", "required", "additionalProperties", "minProperties", "maxProperties"}
    | {"items", "minItems", "maxItems", "uniqueItems"}
    | {"minLength", "maxLength", "pattern"}
    | {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}
)


def violations(value: object, schema: Mapping[str, Any] | bool, path: str = "$") -> list[str]:
    """List what in a JSON value breaks the schema; empty when it is valid.

    Raises:
        ValueError: for a keyword outside the supported part, with its place in the schema.
    """
    if isinstance(schema, bool):
        return [] if schema else [f"{path}: nothing is allowed here"]
    unknown = set(schema) - _KEYWORDS
    if unknown:
        raise ValueError(
            f"JSON Schema keyword {sorted(unknown)[0]!r} at {path} is not supported; "
            f"use only {', '.join(sorted(_KEYWORDS - _ANNOTATIONS))}"
        )
    found: list[str] = []
    if "type" in schema:
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        if not any(_is_type(value, kind) for kind in kinds):
            found.append(f"{path}: expected {' or '.join(kinds)}")
    if "enum" in schema and not any(_equal(value, option) for option in schema["enum"]):
        found.append(f"{path}: not one of {schema['enum']}")
    if "const" in schema and not _equal(value, schema["const"]):
        found.append(f"{path}: not {schema['const']!r}")
    if isinstance(value, dict):
        found += _object_violations(value, schema, path)
    elif isinstance(value, list):
        found += _array_violations(value, schema, path)
    elif isinstance(value, str):
        found += _string_violations(value, schema, path)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        found += _number_violations(value, schema, path)
    return found + _combined_violations(value, schema, path)


def _object_violations(value: dict[str, Any], schema: Mapping[str, Any], path: str) -> list[str]:
    found = [f"{path}.{name}: missing" for name in schema.get("required", ()) if name not in value]
    properties = schema.get("properties", {})
    for name, item in value.items():
        inner = properties.get(name, schema.get("additionalProperties", True))
        found += violations(item, inner, f"{path}.{name}")
    if not schema.get("minProperties", 0) <= len(value) <= schema.get("maxProperties", len(value)):
        found.append(f"{path}: {len(value)} properties")
    return found


def _array_violations(value: list[Any], schema: Mapping[str, Any], path: str) -> list[str]:
    found: list[str] = []
    for index, item in enumerate(value):
        found += violations(item, schema.get("items", True), f"{path}[{index}]")
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
        found.append(f"{path}: {len(value)} items")
    if schema.get("uniqueItems") and any(
        _equal(one, other) for index, one in enumerate(value) for other in value[:index]
    ):
        found.append(f"{path}: items repeat")
    return found


def _string_violations(value: str, schema: Mapping[str, Any], path: str) -> list[str]:
    found: list[str] = []
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
        found.append(f"{path}: {len(value)} characters")
    if "pattern" in schema and not re.search(schema["pattern"], value):
        found.append(f"{path}: does not match {schema['pattern']}")
    return found


def _number_violations(value: float, schema: Mapping[str, Any], path: str) -> list[str]:
    inside = (
        value >= schema.get("minimum", value)
        and value <= schema.get("maximum", value)
        and ("exclusiveMinimum" not in schema or value > schema["exclusiveMinimum"])
        and ("exclusiveMaximum" not in schema or value < schema["exclusiveMaximum"])
    )
    return [] if inside else [f"{path}: {value} is out of range"]


def _combined_violations(value: object, schema: Mapping[str, Any], path: str) -> list[str]:
    found: list[str] = []
    for inner in schema.get("allOf", ()):
        found += violations(value, inner, path)
    for name, wanted in (("anyOf", "any"), ("oneOf", "exactly one")):
        if name in schema:
            matching = sum(not violations(value, inner, path) for inner in schema[name])
            if matching == 0 or (name == "oneOf" and matching > 1):
                found.append(f"{path}: matches {matching} of {name}, not {wanted}")
    if "not" in schema and not violations(value, schema["not"], path):
        found.append(f"{path}: matches what it must not")
    return found


def _is_type(value: object, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES[kind])


def _equal(one: object, other: object) -> bool:
    """JSON equality: true is not 1, and 1 is 1.0, at any depth."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    return one == other
