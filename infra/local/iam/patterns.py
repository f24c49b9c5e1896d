"""Texts of a policy, with their wildcards and variables, held to the values of a call.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

Context = Mapping[str, tuple[str, ...]]
"""Values by condition key; the keys are in lower case, since AWS does not heed theirs."""
Match = Callable[[str, Context], bool]

_TOKEN = re.compile(r"\$\{(?P<variable>[^}]*)\}|(?P<wild>[*?])")
_COLON_OUTSIDE_VARIABLE = re.compile(r":(?![^{]*\})")
_VARIABLE = re.compile(r"(?P<key>[^,]+?)(?:,\s*'(?P<default>[^']*)')?\s*")
_SPECIAL = {"*", "?", "$"}
_SEGMENTS = 6


def text(pattern: str, *, wildcards: bool = False, ignore_case: bool = False) -> Match:
    """Hold a value to the whole pattern; `*` and `?` are literal unless `wildcards`."""
    return _compiled([pattern], wildcards=wildcards, ignore_case=ignore_case)


def arn(pattern: str) -> Match:
    """Hold an ARN to a pattern, part by part: no wildcard reaches beyond its colon.

    The sixth part is all the rest, which may hold colons of its own.
    """
    parts = _COLON_OUTSIDE_VARIABLE.split(pattern, maxsplit=_SEGMENTS - 1)
    if len(parts) < _SEGMENTS:
        raise ValueError(f"{pattern} is no ARN: it has {len(parts)} of {_SEGMENTS} parts")
    return _compiled(parts, wildcards=True, ignore_case=False)


def resource(pattern: str) -> Match:
    """Hold a resource to a pattern. What names no resource (`*`) is matched by `*` alone."""
    if pattern.strip("*") == "":
        return lambda value, context: True
    return arn(pattern)


def variables(pattern: str) -> frozenset[str]:
    """The condition keys that the pattern takes values from."""
    names = (found["variable"] for found in _TOKEN.finditer(pattern))
    return frozenset(_key_and_default(name)[0] for name in names if name and name not in _SPECIAL)


def any_of(matches: Iterable[Match]) -> Match:
    listed = tuple(matches)
    if len(listed) == 1:
        return listed[0]
    return lambda value, context: any(match(value, context) for match in listed)


def _compiled(parts: list[str], *, wildcards: bool, ignore_case: bool) -> Match:
    flags = re.DOTALL | (re.IGNORECASE if ignore_case else 0)
    pieces: list[str | tuple[str, str | None]] = []
    for number, part in enumerate(parts):
        if number:
            pieces.append(":")
        any_character = "." if number == len(parts) - 1 else "[^:]"
        pieces.extend(_pieces(part, any_character if wildcards else None))
    if all(isinstance(piece, str) for piece in pieces):
        fixed = re.compile("".join(map(str, pieces)), flags).fullmatch
        return lambda value, context: fixed(value) is not None

    def filled_in(value: str, context: Context) -> bool:
        expression = _with_values(pieces, context)
        return expression is not None and re.fullmatch(expression, value, flags) is not None

    return filled_in


def _pieces(part: str, any_character: str | None) -> Iterable[str | tuple[str, str | None]]:
    """Regular expressions, and variables as (key, default), in the order of the text."""
    position = 0
    for found in _TOKEN.finditer(part):
        yield _literal(part[position : found.start()])
        position = found.end()
        variable = found["variable"]
        if variable is None:
            wild = any_character and any_character + ("*" if found["wild"] == "*" else "")
            yield wild or re.escape(found["wild"])
        elif variable in _SPECIAL:
            yield re.escape(variable)
        else:
            yield _key_and_default(variable)
    yield _literal(part[position:])


def _literal(fragment: str) -> str:
    if "${" in fragment:
        raise ValueError(f"{fragment} opens a variable and does not close it")
    return re.escape(fragment)


def _key_and_default(variable: str) -> tuple[str, str | None]:
    found = _VARIABLE.fullmatch(variable)
    if found is None:
        raise ValueError(f"${{{variable}}} is no policy variable")
    return found["key"].lower(), found["default"]


def _with_values(pieces: list[str | tuple[str, str | None]], context: Context) -> str | None:
    """None where a variable has no value: then nothing is equal to the text, or like it."""
    filled = []
    for piece in pieces:
        if isinstance(piece, str):
            filled.append(piece)
            continue
        key, default = piece
        values = context.get(key, ())
        value = values[0] if len(values) == 1 else default
        if value is None:
            return None
        filled.append(re.escape(value))
    return "".join(filled)
