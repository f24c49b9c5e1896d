"""JSON Schema by the standard (2020-12, or the draft a schema names), without downloads.

The `jsonschema` library does the work, but for what would take it longer than linear time in the
value: patterns, unique items, and schemas that lead back to themselves in several ways. It is
imported where it is used: most specs name no schema.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from stratos.spec.patterns import occurs, pattern_fault, shown_pattern

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator
    from referencing import Resource
    from referencing._core import Resolver
    from referencing.jsonschema import SchemaRegistry


def check_schema(schema: dict[str, Any]) -> None:
    """Refuse what is not a schema, or refers to another one.

    Raises:
        ValueError: with the place in it and the reason.
    """
    from jsonschema.exceptions import SchemaError
    from referencing import Resource
    from referencing.jsonschema import DRAFT202012

    draft = _draft(schema)
    try:
        draft.check_schema(schema, format_checker=draft.FORMAT_CHECKER)
    except SchemaError as error:
        raise ValueError(f"not a JSON Schema: {error.json_path}: {error.message}") from error
    resource = Resource.from_contents(schema, default_specification=DRAFT202012)
    _check_references(resource, _registry().resolver_with_root(resource))


def schema_pattern_fault(schema: dict[str, Any]) -> str | None:
    """Return the first pattern of a schema that cannot be matched in linear time, and why."""
    for place, pattern in _patterns(schema, "$"):
        if (fault := pattern_fault(pattern)) is not None:
            return f"{place}: the pattern {shown_pattern(pattern)} {fault}"
    return None


def is_valid(value: Any, schema: dict[str, Any]) -> bool:
    """Tell whether a JSON value is valid under a schema that `check_schema` accepts.

    It is not where that takes more than `STEPS_PER_PAIR` steps for each pair of a part of the value
    and a part of the schema, or where `unevaluated…` meets more than `MOST_UNEVALUATED` parts.

    Raises:
        PatternRefused: when `schema_pattern_fault` finds fault with the schema.
    """
    parts = _size(value)
    if parts > MOST_UNEVALUATED and "unevaluated" in json.dumps(schema):
        return False
    token = _steps_left.set(itertools.repeat(True, STEPS_PER_PAIR * parts * _size(schema)))
    try:
        return bool(_bounded(_draft(schema))(schema, registry=_registry()).is_valid(value))
    except (RecursionError, _TooManySteps):  # nested too deeply, or a schema without end
        return False
    finally:
        _steps_left.reset(token)


STEPS_PER_PAIR = 4
MOST_UNEVALUATED = 1_000
_steps_left: ContextVar[Iterator[bool]] = ContextVar("steps_left")


class _TooManySteps(Exception):
    """A schema leads back to itself in several ways."""


_Keyword = Callable[[Any, Any, Any, Any], Iterator[Any]]


@lru_cache
def _bounded(draft: type[Draft202012Validator]) -> Any:
    """A draft whose keywords are counted, and take linear time each."""
    from jsonschema.validators import extend

    def counted(keyword: _Keyword) -> _Keyword:
        def check(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
            if not next(_steps_left.get(), False):
                raise _TooManySteps
            yield from keyword(validator, value, instance, schema) or ()

        return check

    known = dict(draft.VALIDATORS)
    linear = {name: made for name, made in _LINEAR.items() if name in known}
    if "additionalProperties" in known:
        linear["additionalProperties"] = _additional(known["additionalProperties"])
    made: Any = extend  # the library declares no types for it
    return made(draft, {name: counted(check) for name, check in {**known, **linear}.items()})


def _pattern(validator: Any, pattern: str, instance: Any, _schema: Any) -> Iterator[Any]:
    if validator.is_type(instance, "string") and not occurs(pattern, instance):
        yield _invalid("does not match its pattern")


def _pattern_properties(validator: Any, under: Any, instance: Any, _schema: Any) -> Iterator[Any]:
    if validator.is_type(instance, "object"):
        for pattern, schema in under.items():
            for name, value in instance.items():
                if occurs(pattern, name):
                    yield from validator.descend(value, schema, path=name, schema_path=pattern)


def _additional(plain: _Keyword) -> _Keyword:
    def check(validator: Any, under: Any, instance: Any, schema: Any) -> Iterator[Any]:
        patterns = schema.get("patternProperties")
        if patterns and validator.is_type(instance, "object"):
            instance = {
                name: value
                for name, value in instance.items()
                if not any(occurs(pattern, name) for pattern in patterns)
            }
            schema = {key: value for key, value in schema.items() if key != "patternProperties"}
        yield from plain(validator, under, instance, schema) or ()

    return check


def _unique_items(validator: Any, unique: Any, instance: Any, _schema: Any) -> Iterator[Any]:
    if unique and validator.is_type(instance, "array"):
        written = {json.dumps(_plain(item), sort_keys=True) for item in instance}
        if len(written) < len(instance):
            yield _invalid("has an item twice")


_LINEAR: dict[str, _Keyword] = {
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "uniqueItems": _unique_items,
}


def _invalid(reason: str) -> Exception:
    from jsonschema.exceptions import ValidationError

    return ValidationError(reason)


def _plain(value: Any) -> Any:
    """The same value with 1 in place of 1.0."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _size(value: Any) -> int:
    """Parts of a JSON value."""
    count, left = 0, [value]
    while left:
        part = left.pop()
        count += 1
        if isinstance(part, Mapping):
            left.extend(part.values())
        elif isinstance(part, list):
            left.extend(part)
    return count


def _patterns(schema: Any, place: str) -> Iterator[tuple[str, str]]:
    """Every pattern of a schema and its subschemas, with its place."""
    from referencing import Resource
    from referencing.jsonschema import DRAFT202012

    if not isinstance(schema, Mapping):
        return
    if isinstance(pattern := schema.get("pattern"), str):
        yield f"{place}.pattern", pattern
    if isinstance(named := schema.get("patternProperties"), Mapping):
        yield from ((f"{place}.patternProperties", pattern) for pattern in named)
    resource = Resource.from_contents(schema, default_specification=DRAFT202012)
    for inner in resource.subresources():
        yield from _patterns(inner.contents, f"{place}…")


def _draft(schema: dict[str, Any]) -> type[Draft202012Validator]:
    from jsonschema import Draft202012Validator
    from jsonschema.validators import validator_for

    # Every draft has the interface of the newest; the type of all of them says less.
    return cast("type[Draft202012Validator]", validator_for(schema, default=Draft202012Validator))


def _registry() -> SchemaRegistry:
    """The standard's own schemas; the library's default would fetch any other by its URL."""
    from jsonschema_specifications import REGISTRY

    return cast("SchemaRegistry", REGISTRY)


def _check_references(resource: Resource[Any], resolver: Resolver[Any]) -> None:
    from referencing.exceptions import Unresolvable

    contents = resource.contents
    for keyword in ("$ref", "$dynamicRef"):
        reference = contents.get(keyword) if isinstance(contents, Mapping) else None
        if not isinstance(reference, str):
            continue
        try:
            resolver.lookup(reference)
        except Unresolvable as error:
            raise ValueError(
                f"not a JSON Schema by itself: {keyword} {reference!r} leads nowhere; refer to "
                "`#/$defs/…` in the same schema"
            ) from error
    for inner in resource.subresources():
        _check_references(inner, resolver.in_subresource(inner))
