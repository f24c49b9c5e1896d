"""JSON Schema by the standard (2020-12, or the draft a schema names), without downloads.

The `jsonschema` library does the work. It is imported where it is used: most specs name no schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

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


def is_valid(value: Any, schema: dict[str, Any]) -> bool:
    """Tell whether a JSON value is valid under a schema that `check_schema` accepts."""
    try:
        return _draft(schema)(schema, registry=_registry()).is_valid(value)
    except RecursionError:  # nested too deeply, or a schema that refers to itself without end
        return False


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
