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
_NUM_PARTS = 6
_Pieces = list[str | tuple[str, str | None]]


def text(pattern: str, *, wildcards: bool = False, ignore_case: bool = False) -> Match:
    """Hold a value to the whole pattern; `*` and `?` are literal unless `wildcards`."""
    flags = re.DOTALL | (re.IGNORECASE if ignore_case else 0)
    return _any_of([_pieces([pattern], wildcards=wildcards)], flags)


def arn(pattern: str) -> Match:
    """Hold an ARN to a pattern, part by part: no wildcard reaches beyond its colon.

    The sixth part is all the rest, which may hold colons of its own.
    """
    return _any_of([_pieces(_parts(pattern), wildcards=True)])


def resources(patterns: Iterable[str]) -> Match:
    """Hold a resource to patterns. What names no resource (`*`) is matched by `*` alone."""
    listed = tuple(patterns)
    if any(pattern.strip("*") == "" for pattern in listed):
        return lambda value, context: True
    return _any_of([_pieces(_parts(pattern), wildcards=True) for pattern in listed])


def variables(pattern: str) -> frozenset[str]:
    """The condition keys that the pattern takes values from."""
    names = (found["variable"] for found in _TOKEN.finditer(pattern))
    return frozenset(_key_and_default(name)[0] for name in names if name and name not in _SPECIAL)


def any_of(matches: Iterable[Match]) -> Match:
    listed = tuple(matches)
    if len(listed) == 1:
        return listed[0]
    return lambda value, context: any(match(value, context) for match in listed)


def _parts(pattern: str) -> list[str]:
    parts = _COLON_OUTSIDE_VARIABLE.split(pattern, maxsplit=_NUM_PARTS - 1)
    if len(parts) < _NUM_PARTS:
        raise ValueError(f"{pattern} is no ARN: it has {len(parts)} of {_NUM_PARTS} parts")
    return parts


def _any_of(listed: Iterable[_Pieces], flags: int = re.DOTALL) -> Match:
    """One expression for all that hold no variable; the others get their values in each call."""
    fixed, open_ = [], []
    for pieces in listed:
        texts = [piece for piece in pieces if isinstance(piece, str)]
        if len(texts) == len(pieces):
            fixed.append("".join(texts))
        else:
            open_.append(pieces)
    fits = re.compile("|".join(f"(?:{one})" for one in fixed), flags).fullmatch if fixed else None
    if fits is not None and not open_:
        return lambda value, context: fits(value) is not None

    def match(value: str, context: Context) -> bool:
        if fits is not None and fits(value):
            return True
        filled = (_with_values(pieces, context) for pieces in open_)
        return any(one is not None and re.fullmatch(one, value, flags) for one in filled)

    return match


def _pieces(parts: list[str], *, wildcards: bool) -> _Pieces:
    """Regular expressions, and variables as (key, default), in the order of the text."""
    pieces: _Pieces = []
    for number, part in enumerate(parts):
        if number:
            pieces.append(":")
        any_character = "." if number == len(parts) - 1 else "[^:]"
        pieces.extend(_pieces_of(part, any_character if wildcards else None))
    return pieces


def _pieces_of(part: str, any_character: str | None) -> Iterable[str | tuple[str, str | None]]:
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


def _with_values(pieces: _Pieces, context: Context) -> str | None:
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
