"""Seeded changes of valid inputs: values, keys, order, types, depth; bytes where there is no tree.

Half of them are small, so that many inputs stay valid and run on to what comes after reading.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from typing import Any

Tree = Any
"""Dicts with text keys, lists, texts, numbers, truth values and None."""
Place = tuple[str | int, ...]

_NUMBERS: tuple[float, ...] = (
    0, -1, 1, 2, 0.5, -0.0, 1e-9, 1e308, -1e308, 1e-320, 2**31, 2**53 + 1, 2**63, -(2**64),
    10**29, 10**400, float("inf"), float("nan"),
)  # fmt: skip
_TEXTS = (
    "", " ", "\n", "\t\r\n", "\x00", "0", "-1", "1e999", "null", "true", "a", "é", "ß", "İ", "ﷺ",
    "\u0301", "\u202egnirts", "\u200d", "\ufeff", "\ufffd", "\U0001f469\u200d\U0001f4bb", "्", "가",
    "../..", "/", "//", "a/b", "a b", "%00", "%2e%2e", "{{ x }}", "{% for %}", "${x}", "[[", "]}",
    "(a|b)+$", "\\", '"', "'", "`", "<b>", "&amp;", "=1+1", "# x", "- x", "a: b", "*a", "!!x", "|",
    "2026-02-30", "1900-01-01T00:00:00Z", "rate(1 minute)", "http://", "https://example.org/x",
    "s3://b/k", "\ud800", "1" * 5_000, "9" * 4_000,
)  # fmt: skip
_DEPTHS = (1, 2, 10, 40, 100, 900, 3_000)
_COUNTS = (2, 3, 10, 100, 1_000)
_DEEP = 0.04
_LENGTHS = (10, 300, 5_000, 60_000)


def mutated(tree: Tree, chance: random.Random) -> Tree:
    """A copy of a tree with one to four changes."""
    tree = copy.deepcopy(tree)
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 4))):
        change = chance.choice(_SMALL if chance.random() < 0.6 else _LARGE)
        tree = _changed(tree, chance.choice(list(_places(tree))), change, chance)
    if chance.random() < _DEEP:  # last: what follows would have to go down there, too
        tree = _changed(tree, chance.choice(list(_places(tree))), _deep, chance)
    return tree


def mutated_bytes(content: bytes, chance: random.Random) -> bytes:
    """Bytes that are flipped, cut out, repeated, put in or moved; the rest as it was."""
    held = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        start = chance.randrange(len(held) + 1)
        end = min(len(held), start + chance.choice((1, 1, 4, 64)))
        match chance.randrange(5):
            case 0 if start < len(held):
                held[start] ^= 1 << chance.randrange(8)
            case 1:
                del held[start:end]
            case 2:
                held[start:start] = bytes(held[start:end]) * chance.choice(_COUNTS[:4])
            case 3:
                held[start:start] = chance.randbytes(chance.choice((1, 4, 8)))
            case _:
                held[start:end] = chance.choice((b"\x00", b"\xff", b"{", b"[", b'"', b"\n", b"%s"))
    return bytes(held)


def _places(tree: Tree, place: Place = ()) -> Iterator[Place]:
    yield place
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from _places(value, (*place, key))
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            yield from _places(value, (*place, index))


def _changed(tree: Tree, place: Place, change: Change, chance: random.Random) -> Tree:
    if not place:
        return tree if change in _OF_CHILDREN else change(tree, chance)
    holder = tree
    for part in place[:-1]:
        holder = holder[part]
    if change in _OF_CHILDREN:
        change((holder, place[-1]), chance)
    else:
        holder[place[-1]] = change(holder[place[-1]], chance)
    return tree


def _tweak(value: Tree, chance: random.Random) -> Tree:
    """The same type, a little different."""
    match value:
        case bool():
            return not value
        case int():
            return value + chance.choice((-1, 1, 10, value))
        case float():
            return value * chance.choice((0.5, 0.999, 2.0))
        case str() if value:
            at = chance.randrange(len(value))
            return value[:at] + chance.choice((value[at] * 2, "x", " ", "é")) + value[at + 1 :]
        case dict():
            pairs = list(value.items())
            chance.shuffle(pairs)
            return dict(pairs)
        case list() if value:
            return [*value, chance.choice(value)]
    return value


def _append(value: Tree, chance: random.Random) -> Tree:
    return value + chance.choice(_TEXTS) if isinstance(value, str) else _tweak(value, chance)


def _odd(value: Tree, chance: random.Random) -> Tree:
    """The same type, as nobody writes it."""
    match value:
        case bool():
            return not value
        case int() | float():
            return chance.choice(_NUMBERS)
        case str():
            return chance.choice(_TEXTS)
        case dict():
            return {**value, chance.choice(_TEXTS): chance.choice(_TEXTS)}
        case list():
            return value[::-1]
    return _other_type(value, chance)


def _long(value: Tree, chance: random.Random) -> Tree:
    length = chance.choice(_LENGTHS)
    match value:
        case str():
            piece = chance.choice((*_TEXTS[:40], value or "x"))
            return (piece * (length // max(1, len(piece)) + 1))[:length]
        case list() if value:
            return [chance.choice(value) for _ in range(chance.choice(_COUNTS))]
        case dict():
            return value | {f"k{n}": n for n in range(chance.choice(_COUNTS))}
    return _odd(value, chance)


def _other_type(value: Tree, chance: random.Random) -> Tree:
    others = (None, True, 0, 1.5, "text", [], {}, [None], {"a": 1}, [[]], [value], {"x": value})
    return chance.choice(others)


def _deep(value: Tree, chance: random.Random) -> Tree:
    named = chance.random() < 0.5
    for _ in range(chance.choice(_DEPTHS)):
        value = {"a": value} if named else [value]
    return value


def _leave_out(held: tuple[Tree, str | int], chance: random.Random) -> None:
    holder, part = held
    del holder[part]


def _rename(held: tuple[Tree, str | int], chance: random.Random) -> None:
    holder, part = held
    if isinstance(holder, dict):
        assert isinstance(part, str)
        holder[chance.choice((part.upper(), f"{part} ", f"{part}s", *_TEXTS))] = holder.pop(part)


def _swap(held: tuple[Tree, str | int], chance: random.Random) -> None:
    holder, part = held
    other = chance.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
    holder[part], holder[other] = holder[other], holder[part]


Change = Callable[[Any, random.Random], Any]
_OF_CHILDREN: tuple[Change, ...] = (_leave_out, _rename, _swap)
_SMALL: tuple[Change, ...] = (_tweak, _tweak, _tweak, _append, _swap)
_LARGE: tuple[Change, ...] = (_odd, _odd, _long, _other_type, _leave_out, _rename, _tweak)
