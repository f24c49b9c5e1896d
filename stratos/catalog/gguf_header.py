"""The header of a GGUF file: what llama.cpp is told of a model, and where its tensors lie.

https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass

ReadRange = Callable[[int, int], bytes]
"""Bytes of a file from an offset, at most so many; fewer at its end."""
MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_CHUNK = 4 * 2**20
_MAX_HEADER_BYTES = 64 * 2**20
_MAX_ENTRIES = 1_000_000
"""Of metadata, of tensors, and of one array: four times the largest vocabulary there is."""
_MAX_ITEMS = 5_000_000
"""Of all arrays together."""
_MAX_DEPTH = 4
_MAX_FILE_BYTES = 2**50
_ALIGNMENT = 32

_STRING, _ARRAY, _BOOL = 8, 9, 7
_NUMBERS = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "?",
    10: "Q",
    11: "q",
    12: "d",
}
"""Type of a value → its code in `struct`."""

STORED_TYPES: Mapping[int, tuple[str, int, int]] = {
    0: ("F32", 1, 4),
    1: ("F16", 1, 2),
    2: ("Q4_0", 32, 18),
    3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24),
    8: ("Q8_0", 32, 34),
    10: ("Q2_K", 256, 84),
    11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210),
    16: ("IQ2_XXS", 256, 66),
    17: ("IQ2_XS", 256, 74),
    18: ("IQ3_XXS", 256, 98),
    19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18),
    21: ("IQ3_S", 256, 110),
    22: ("IQ2_S", 256, 82),
    23: ("IQ4_XS", 256, 136),
    29: ("IQ1_M", 256, 56),
    30: ("BF16", 1, 2),
}
"""How tensors may be stored → name, numbers in a block, bytes of a block: those of package `gguf`
that it can turn into plain numbers."""

GgufValue = bool | int | float | str | tuple["GgufValue", ...]


@dataclass(frozen=True)
class GgufTensor:
    """One tensor as the header names it.

    Attributes:
        shape: Of its rows and columns as in PyTorch, which is the file's order reversed.
        stored: Name of the type, such as `Q4_K`.
        begin: Offset of its first byte in the file.
        end: Offset after its last byte.
    """

    name: str
    shape: tuple[int, ...]
    stored: str
    begin: int
    end: int

    @property
    def numbers(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True)
class GgufHeader:
    """What a GGUF says of itself."""

    metadata: Mapping[str, GgufValue]
    tensors: tuple[GgufTensor, ...]

    def text(self, key: str) -> str | None:
        value = self.metadata.get(key)
        return value if isinstance(value, str) else None

    def integer(self, key: str) -> int | None:
        value = self.metadata.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def number(self, key: str) -> float | None:
        value = self.metadata.get(key)
        return float(value) if isinstance(value, int | float) else None

    @property
    def architecture(self) -> str:
        return self.text("general.architecture") or ""

    @property
    def num_parameters(self) -> int:
        """Of the weights, without the factors of a rotary embedding."""
        return sum(t.numbers for t in self.tensors if not t.name.startswith("rope_"))


def is_gguf(beginning: bytes) -> bool:
    """Whether a file is a GGUF, by its first four bytes."""
    return beginning[:4] == MAGIC


def read_gguf_header(read_range: ReadRange, name: str) -> GgufHeader:
    """Read the header, and see that the file has all the bytes that it promises.

    Args:
        name: Of the file, for messages.

    Raises:
        ValueError: it is no GGUF of version 2 or 3, or it is cut off.
    """
    reader = _Reader(read_range, name)
    if not is_gguf(reader.take(4)):
        raise ValueError(f"{name} does not begin with GGUF; it is no such file")
    version = reader.number("I")
    if version not in _VERSIONS:
        raise ValueError(
            f"{name} is a GGUF of version {version:.0f}, or of another byte order; versions "
            f"{' and '.join(map(str, _VERSIONS))} are read. Convert the model again with llama.cpp"
        )
    num_tensors, num_values = reader.count(), reader.count()
    metadata = {reader.string(): reader.value() for _ in range(num_values)}
    infos = [_info(reader) for _ in range(num_tensors)]
    alignment = metadata.get("general.alignment", _ALIGNMENT)
    if not isinstance(alignment, int) or alignment < 1:
        raise ValueError(f"{name} has the alignment {alignment!r}; convert the model again")
    start = -(-reader.position // alignment) * alignment
    tensors = tuple(_tensor(info, start, name) for info in infos)
    end = max((tensor.end for tensor in tensors), default=start)
    if end > start and not read_range(end - 1, 1):
        raise ValueError(
            f"{name} is cut off: its header promises {end:,} bytes. Download or upload it again"
        )
    return GgufHeader(metadata, tensors)


@dataclass(frozen=True)
class _Info:
    name: str
    dimensions: tuple[int, ...]
    kind: int
    offset: int


def _info(reader: _Reader) -> _Info:
    name = reader.string()
    rank = int(reader.number("I"))
    if rank > _MAX_DEPTH:
        raise ValueError(f"{reader.name}: tensor {name!r} has {rank} dimensions; it is damaged")
    dimensions = tuple(int(reader.number("Q")) for _ in range(rank))
    return _Info(name, dimensions, int(reader.number("I")), int(reader.number("Q")))


def _tensor(info: _Info, start: int, name: str) -> GgufTensor:
    if info.kind not in STORED_TYPES:
        known = ", ".join(stored for stored, _, _ in STORED_TYPES.values())
        raise ValueError(
            f"{name}: tensor {info.name!r} is stored as type {info.kind}; types that can be read "
            f"are {known}. Take another file of the same model, such as Q8_0"
        )
    stored, block, size = STORED_TYPES[info.kind]
    numbers = math.prod(info.dimensions)
    begin = start + info.offset
    end = begin + -(-numbers // block) * size
    if end > _MAX_FILE_BYTES:
        raise ValueError(f"{name}: tensor {info.name!r} would end at byte {end:,}; it is damaged")
    return GgufTensor(info.name, info.dimensions[::-1], stored, begin, end)


class _Reader:
    """Little-endian values one after the other, read in large pieces."""

    def __init__(self, read_range: ReadRange, name: str) -> None:
        self._read, self.name = read_range, name
        self._buffer, self._start, self._at = b"", 0, 0
        self._num_items = 0

    @property
    def position(self) -> int:
        return self._start + self._at

    def take(self, size: int) -> bytes:
        if self._at + size > len(self._buffer):
            position = self.position
            if position + size > _MAX_HEADER_BYTES:
                raise ValueError(
                    f"{self.name}: its header is larger than {_MAX_HEADER_BYTES:,} bytes; it is "
                    "damaged"
                )
            self._buffer = self._read(position, max(size, _CHUNK))
            self._start, self._at = position, 0
            if len(self._buffer) < size:
                raise ValueError(f"{self.name} ends within its header; download or upload it again")
        taken = self._buffer[self._at : self._at + size]
        self._at += size
        return taken

    def number(self, code: str) -> float:
        value: float = struct.unpack("<" + code, self.take(struct.calcsize("<" + code)))[0]
        return value

    def count(self) -> int:
        value = int(self.number("Q"))
        if value > _MAX_ENTRIES:
            raise ValueError(f"{self.name}: its header counts {value:,} entries; it is damaged")
        return value

    def string(self) -> str:
        size = int(self.number("Q"))
        return self.take(size).decode("utf-8", "replace")

    def value(self) -> GgufValue:
        return self._value(int(self.number("I")), 0)

    def _value(self, kind: int, depth: int) -> GgufValue:
        if kind in _NUMBERS:
            return self.number(_NUMBERS[kind])
        if kind == _STRING:
            return self.string()
        if kind != _ARRAY or depth >= _MAX_DEPTH:
            raise ValueError(f"{self.name}: its header has a value of type {kind}; it is damaged")
        inner, size = int(self.number("I")), self.count()
        self._num_items += size
        if self._num_items > _MAX_ITEMS:
            raise ValueError(
                f"{self.name}: the arrays of its header have more than {_MAX_ITEMS:,} items; it is "
                "damaged"
            )
        if inner in _NUMBERS:
            code = f"<{size}{_NUMBERS[inner]}"
            return struct.unpack(code, self.take(struct.calcsize(code)))
        return tuple(self._value(inner, depth + 1) for _ in range(size))
