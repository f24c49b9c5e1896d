"""What the spec's model refuses, in the words of who wrote the file."""

from __future__ import annotations

import difflib
import re
import types
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from stratos.spec import Spec
from stratos.spec.yaml_tree import Location, YamlTree

_NEEDED = {
    "model_type": "a mapping of fields",
    "tuple_type": "a list",
    "int_parsing": "a whole number",
    "float_parsing": "a number",
    "string_type": "text; quote it",
}
"""In the words of YAML; pydantic has those of Python."""


def by_place(errors: Sequence[ErrorDetails], tree: YamlTree) -> dict[Location, list[ErrorDetails]]:
    """What is refused at each place of the file: a field of several types has an error of each."""
    found: dict[Location, list[ErrorDetails]] = {}
    for details in errors:
        found.setdefault(_without_tags(details["loc"], tree), []).append(details)
    return found


def _without_tags(location: tuple[int | str, ...], tree: YamlTree) -> Location:
    """Drop the union tags that pydantic puts into a location; they are not in the file."""
    kept: list[int | str] = []
    for part in location:
        here = tree.at(*kept)
        if isinstance(here, dict) and part not in here and part == here.get("kind"):
            continue
        if isinstance(part, str) and _names_a_type(part, here) and kept:
            continue
        kept.append(part)
    return tuple(kept)


def _names_a_type(part: str, here: object) -> bool:
    """Whether it is one of the types that a value may have, and no field of it."""
    return not isinstance(here, dict) or (part not in here and not part.isidentifier())


def explain_all(errors: Sequence[ErrorDetails], location: Location) -> tuple[Location, str]:
    """The same of all that is refused at one place, whose alternatives are told together."""
    if len(errors) == 1:
        return _explain(errors[0], location)
    needed = list(dict.fromkeys(_needed(details) for details in errors))
    choices = [choice for details in errors for choice in _choices(details)]
    found = errors[0]["input"]
    return location, (
        f"found {_shown(found)}; needed: {' or '.join(needed)}{_similar_field(str(found), choices)}"
    )


def _choices(details: ErrorDetails) -> list[str]:
    if details["type"] != "literal_error":
        return []
    literals = [str(choice) for choice in _literals_at(details["loc"])]
    return literals or re.findall(r"'([^']*)'", str(details.get("ctx", {}).get("expected", "")))


def _needed(details: ErrorDetails) -> str:
    """What would be accepted, as it follows `needed:`."""
    if choices := _choices(details):
        return f"one of {', '.join(choices)}" if len(choices) > 1 else choices[0]
    needed = _NEEDED.get(details["type"]) or details["msg"].replace("Input should be ", "")
    return needed[:1].lower() + needed[1:]


def _explain(details: ErrorDetails, location: Location) -> tuple[Location, str]:
    """Return where a problem is, and what was found, what is needed, what to do."""
    kind, found, context = details["type"], details["input"], details.get("ctx", {})
    if kind == "extra_forbidden":
        known = _fields_around(details["loc"])
        name = str(location[-1])
        hint = _similar_field(name, known)
        return location, f"unknown field `{name}`{hint} (known here: {', '.join(known)})"
    if kind == "missing":
        return location, "required, but missing"
    if kind == "literal_error":
        return location, _wrong_choice(found, _choices(details))
    if kind == "unknown_choice":
        return location, _wrong_choice(found, str(context["needed"]).split(", "))
    if kind == "union_tag_invalid":
        tags = [tag.strip("' ") for tag in str(context["expected_tags"]).split(",")]
        return (*location, "kind"), _wrong_choice(context["tag"], tags)
    if kind == "union_tag_not_found":
        if not isinstance(found, dict):
            return location, f"found {_shown(found)}; needed: a mapping with the field `kind`"
        tags = sorted(_tags_at(details["loc"]))
        return (*location, "kind"), f"required, but missing; one of {', '.join(tags)}"
    if kind == "value_error":
        return location, str(context.get("error", details["msg"]))
    return location, f"found {_shown(found)}; needed: {_needed(details)}"


def _shown(found: object) -> str:
    if isinstance(found, dict | list | tuple):
        return "a mapping" if isinstance(found, dict) else "a list"
    text = "nothing" if found is None else repr(found)
    return text if len(text) <= 60 else text[:57] + "…"


def _wrong_choice(found: object, choices: Sequence[str]) -> str:
    hint = _similar_field(str(found), choices)
    return f"found {_shown(found)}; needed: one of {', '.join(choices)}{hint}"


def _similar_field(name: str, known: Sequence[str]) -> str:
    return did_you_mean(name.lower().replace("-", "_"), known)


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """A hint that ends a sentence; empty if nothing known is similar."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"; did you mean `{close[0]}`?" if close else ""


# --- walking the model's types ----------------------------------------------------------------


def _alternatives(annotation: Any) -> Iterator[Any]:
    """The types a value may have, with Annotated and unions taken apart."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _alternatives(get_args(annotation)[0])
    elif origin in (Union, types.UnionType):
        for member in get_args(annotation):
            yield from _alternatives(member)
    else:
        yield annotation


def _types_at(location: tuple[int | str, ...]) -> list[Any]:
    """The types allowed at a location, union tags included in it."""
    current: list[Any] = [Spec]
    for part in location:
        following: list[Any] = []
        for kind in current:
            if isinstance(part, int) and get_origin(kind) is tuple:
                following += _alternatives(get_args(kind)[0])
            elif isinstance(kind, type) and issubclass(kind, BaseModel):
                if part in kind.model_fields:
                    following += _alternatives(kind.model_fields[str(part)].annotation)
                elif part in _tags_of(kind):
                    following.append(kind)
        current = following
    return current


def _tags_of(model: type[BaseModel]) -> tuple[str, ...]:
    field = model.model_fields.get("kind")
    return get_args(field.annotation) if field else ()


def _tags_at(location: tuple[int | str, ...]) -> set[str]:
    models = [m for m in _types_at(location) if isinstance(m, type) and issubclass(m, BaseModel)]
    return {tag for model in models for tag in _tags_of(model)}


def _fields_around(location: tuple[int | str, ...]) -> list[str]:
    models = [m for m in _types_at(location[:-1]) if hasattr(m, "model_fields")]
    return sorted({name for model in models for name in model.model_fields})


def _literals_at(location: tuple[int | str, ...]) -> list[object]:
    literals = [kind for kind in _types_at(location) if get_origin(kind) is Literal]
    return [choice for literal in literals for choice in get_args(literal)]
