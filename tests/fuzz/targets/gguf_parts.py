"""The header of a GGUF taken apart into its entries, changed, and put together again."""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass, replace
from typing import TypeVar

One = TypeVar("One")
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_STRING, _ARRAY = 8, 9
_COUNTS = (0, 1, 2**16, 999_999, 2**31, 2**32 - 1, 2**63)


@dataclass(frozen=True)
class _Entry:
    key: bytes
    kind: int
    value: bytes


@dataclass(frozen=True)
class _Tensor:
    name: bytes
    dimensions: tuple[int, ...]
    kind: int
    offset: int


class _Cursor:
    def __init__(self, content: bytes) -> None:
        self.content, self.at = content, 0

    def take(self, size: int) -> bytes:
        self.at += size
        return self.content[self.at - size : self.at]

    def number(self, code: str) -> int:
        return int(struct.unpack(f"<{code}", self.take(struct.calcsize(code)))[0])

    def text(self) -> bytes:
        return self.take(self.number("Q"))

    def value(self, kind: int) -> bytes:
        start = self.at
        if kind == _STRING:
            self.text()
        elif kind == _ARRAY:
            inner, count = self.number("I"), self.number("Q")
            for _ in range(count):
                self.value(inner)
        else:
            self.take(_SIZES[kind])
        return self.content[start : self.at]


def changed_gguf(content: bytes, chance: random.Random) -> bytes:
    """A valid GGUF with one or two other entries or tensors, or with other counts."""
    read = _Cursor(content)
    version = read.take(8)
    num_tensors, num_entries = read.number("Q"), read.number("Q")
    entries, tensors = [], []
    for _ in range(num_entries):
        key, kind = read.text(), read.number("I")
        entries.append(_Entry(key, kind, read.value(kind)))
    for _ in range(num_tensors):
        name, rank = read.text(), read.number("I")
        dimensions = tuple(read.number("Q") for _ in range(rank))
        tensors.append(_Tensor(name, dimensions, read.number("I"), read.number("Q")))
    data = content[-(-read.at // 32) * 32 :]
    for _ in range(chance.choice((1, 1, 2))):
        place = chance.randrange(len(entries) + len(tensors))
        if place < len(entries):
            entries = _other_entries(entries, place, chance)
        else:
            tensors = _other_tensors(tensors, place - len(entries), chance)
    counts = [len(tensors), len(entries)]
    if chance.random() < 0.05:
        counts[chance.randrange(2)] = chance.choice(_COUNTS)
    header = version + struct.pack("<QQ", *counts)
    header += b"".join(map(_entry, entries)) + b"".join(map(_tensor, tensors))
    return header + bytes(-len(header) % 32) + data


def _other_entries(entries: list[_Entry], place: int, chance: random.Random) -> list[_Entry]:
    one = entries[place]
    match chance.randrange(6):
        case 0:
            return entries[:place] + entries[place + 1 :]
        case 1:
            return [*entries, replace(one, key=one.key + b"x")]
        case 2:
            other = chance.choice(entries)
            return _with(entries, place, replace(one, kind=other.kind, value=other.value))
        case 3:
            return _with(entries, place, replace(one, key=chance.choice(entries).key))
    return _with(entries, place, replace(one, value=_other_value(one, chance)))


def _other_value(one: _Entry, chance: random.Random) -> bytes:
    if one.kind in _SIZES:
        number = chance.choice((0, 1, 3, 2**15, 2**32 - 1, int.from_bytes(one.value, "little") + 1))
        size = _SIZES[one.kind]
        return (number % 256**size).to_bytes(size, "little")
    if one.kind == _STRING:
        text = chance.choice((b"", b"llama", b"gpt2", b"qwen2", b"x" * 5_000, b"\xff\xfe"))
        return struct.pack("<Q", len(text)) + text
    inner = struct.unpack("<I", one.value[:4])[0]
    count = struct.unpack("<Q", one.value[4:12])[0]
    if chance.random() < 0.3:  # another number of items, of which not all are there
        return struct.pack("<IQ", inner, chance.choice(_COUNTS)) + one.value[12:]
    if inner != _STRING:
        return one.value[:12] + chance.randbytes(len(one.value) - 12)
    read = _Cursor(one.value[12:])
    texts = [read.text() for _ in range(count)]
    texts[chance.randrange(count)] = chance.choice((b"", texts[0], b"a" * 3_000, b"\xff"))
    return one.value[:12] + b"".join(struct.pack("<Q", len(text)) + text for text in texts)


def _other_tensors(tensors: list[_Tensor], place: int, chance: random.Random) -> list[_Tensor]:
    one = tensors[place]
    match chance.randrange(5):
        case 0:
            return tensors[:place] + tensors[place + 1 :]
        case 1:
            return [*tensors, replace(one, name=chance.choice((b"rope_freqs.weight", b"x", b"")))]
        case 2:
            shape = tuple(chance.choice((size, 0, 1, 2**40)) for size in one.dimensions)
            return _with(tensors, place, replace(one, dimensions=shape))
        case 3:
            return _with(tensors, place, replace(one, kind=chance.choice((0, 1, 2, 8, 30, 99))))
    offset = chance.choice((0, one.offset + 32, 2**45, 2**63))
    return _with(tensors, place, replace(one, offset=offset))


def _with(items: list[One], place: int, one: One) -> list[One]:
    return [*items[:place], one, *items[place + 1 :]]


def _entry(one: _Entry) -> bytes:
    return struct.pack("<Q", len(one.key)) + one.key + struct.pack("<I", one.kind) + one.value


def _tensor(one: _Tensor) -> bytes:
    packed = struct.pack("<Q", len(one.name)) + one.name + struct.pack("<I", len(one.dimensions))
    packed += struct.pack(f"<{len(one.dimensions)}Q", *one.dimensions)
    return packed + struct.pack("<IQ", one.kind, one.offset)
