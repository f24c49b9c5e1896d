"""What the weights of a model folder are, by the headers of its safetensors files.

A header is eight bytes with its length and then JSON: the name, type and shape of every tensor.
It is read alone: a file of gigabytes costs two small reads, the beginning and the last byte.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from stratos.catalog.files import Files, parse_json, read_text
from stratos.frozen import FrozenModel

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
"""Of weights in several files: which tensor lies in which."""
_LENGTH_BYTES = 8
_LONGEST_HEADER = 25_000_000
"""Bytes: of some two hundred thousand tensors. The library's own limit would let a header of
nothing but names take a gigabyte of memory."""
_LIBRARYS_LONGEST_HEADER = 100_000_000
"""`MAX_HEADER_SIZE` in safetensors/src/tensor.rs of huggingface/safetensors."""
_FIRST_BYTES = 64 * 2**10
"""Read at once: most headers are within."""
_Offset = Annotated[int, Field(ge=0, le=2**50)]
_Shape = Annotated[tuple[_Offset, ...], Field(max_length=16)]
_BITS = {"F64": 64, "I64": 64, "U64": 64, "F32": 32, "I32": 32, "U32": 32} | {
    "F16": 16,
    "BF16": 16,
    "I16": 16,
    "U16": 16,
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
}


@dataclass(frozen=True)
class StoredTensor:
    """One tensor of a file: its type as safetensors call it, such as BF16."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def num_elements(self) -> int:
        return prod(self.shape)

    @property
    def num_bytes(self) -> int:
        return self.num_elements * _BITS.get(self.dtype, 8) // 8


class _Entry(FrozenModel):
    """Of a tensor, in a header."""

    dtype: str
    shape: _Shape
    data_offsets: tuple[_Offset, _Offset]


class _Index(FrozenModel, extra="ignore"):
    weight_map: Annotated[dict[str, str], Field(min_length=1)]


_HEADER = TypeAdapter(dict[str, _Entry])


def weight_files(files: Files, folder: str) -> list[str]:
    """Paths of the files that hold a folder's weights, as transformers chooses them.

    Raises:
        ValueError: when it has none, when its index cannot be read, or when a file that the index
            names is missing.
    """
    names = set(files.names(folder))
    if WEIGHTS in names:
        return [f"{folder}/{WEIGHTS}"]
    if INDEX not in names:
        found = ", ".join(sorted(names)) or "nothing"
        raise ValueError(
            f"{folder} has neither {WEIGHTS} nor {INDEX}, only {found}; "
            "save the model with save_pretrained()"
        )
    shards = sorted(set(weight_map(files, folder).values()))
    missing = [shard for shard in shards if shard not in names]
    if missing:
        raise ValueError(
            f"{folder}/{INDEX} names {len(shards)} files, and {', '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} missing; upload the whole folder"
        )
    return [f"{folder}/{shard}" for shard in shards]


def weight_map(files: Files, folder: str) -> dict[str, str]:
    """Which tensor lies in which file, by the index.

    Raises:
        ValueError: when it is none.
    """
    try:
        return _Index.model_validate_json(read_text(files, f"{folder}/{INDEX}")).weight_map
    except ValidationError as error:
        raise ValueError(
            f"{folder}/{INDEX} is not what save_pretrained() writes; save the model again"
        ) from error


def stored_tensors(files: Files, folder: str) -> tuple[StoredTensor, ...]:
    """Every tensor of a model folder.

    Raises:
        ValueError: when a file is missing, cut short or no safetensors, or lacks a tensor that
            the index promises.
    """
    paths = weight_files(files, folder)
    found = tuple(tensor for path in paths for tensor in read_header(files, path))
    if paths != [f"{folder}/{WEIGHTS}"]:
        absent = sorted(set(weight_map(files, folder)) - {tensor.name for tensor in found})
        if absent:
            raise ValueError(
                f"{folder}/{INDEX} names {len(absent)} tensors that no file holds, "
                f"{absent[0]} first; save the model again"
            )
    return found


def read_header(files: Files, path: str) -> Iterator[StoredTensor]:
    """The tensors of one file.

    Raises:
        ValueError: when it is no safetensors file, has a header that is too long to be read, or
            ends before its last tensor.
    """
    start = files.read_range(path, 0, _FIRST_BYTES)
    length = int.from_bytes(start[:_LENGTH_BYTES], "little")
    if len(start) < _LENGTH_BYTES or not 0 < length <= _LIBRARYS_LONGEST_HEADER:
        raise _no_safetensors(path)
    if length > _LONGEST_HEADER:
        raise ValueError(
            f"{path} has a header of {length:,} bytes, and at most {_LONGEST_HEADER:,} are read; "
            "save the model in several files: save_pretrained(max_shard_size=...)"
        )
    text = start[_LENGTH_BYTES : _LENGTH_BYTES + length]
    if len(text) < length and len(start) == _FIRST_BYTES:
        text += files.read_range(path, _FIRST_BYTES, length - len(text))
    try:
        header = parse_json(text, path)
        if isinstance(header, dict):
            header.pop("__metadata__", None)
        entries = _HEADER.validate_python(header)
    except ValueError as error:
        raise _no_safetensors(path) from error
    end = _LENGTH_BYTES + length + max((one.data_offsets[1] for one in entries.values()), default=0)
    if end > len(start) and len(files.read_range(path, end - 1, 1)) != 1:
        raise ValueError(f"{path} is cut short: it should have {end:,} bytes; upload it again")
    return (StoredTensor(name, one.dtype, one.shape) for name, one in entries.items())


def _no_safetensors(path: str) -> ValueError:
    return ValueError(f"{path} is no safetensors file; save the model with save_pretrained()")
