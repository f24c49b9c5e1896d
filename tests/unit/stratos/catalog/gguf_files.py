"""Small GGUF files for tests, written by llama.cpp's own package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import gguf
import numpy as np

from stratos.catalog.gguf_header import GgufHeader, ReadRange, read_gguf_header
from tests.tiny_gguf import write_tiny_gguf


def range_of(content: bytes) -> ReadRange:
    return lambda offset, size: content[offset : offset + size]


def header_of(path: Path) -> tuple[GgufHeader, ReadRange]:
    """The header of a file, and what reads the rest of it."""
    read_range = range_of(path.read_bytes())
    return read_gguf_header(read_range, path.name), read_range


def changed_gguf(
    path: Path,
    *,
    architecture: str = "llama",
    integers: Mapping[str, int] | None = None,
    values: Mapping[str, float | Sequence[bool]] | None = None,
    texts: Mapping[str, str] | None = None,
    without: Sequence[str] = (),
    tensors: Mapping[str, np.ndarray] | None = None,
) -> Path:
    """The tiny Llama with other metadata and tensors.

    Args:
        architecture: Its keys are named after it, too.
        integers: Key without the architecture → value, put in or replaced.
        values: Likewise, of other types.
        texts: Full key → text, put in or replaced.
        without: Tensors and keys left out.
        tensors: Put in or replaced.
    """
    source = gguf.GGUFReader(write_tiny_gguf(path.with_suffix(".source")))
    writer = gguf.GGUFWriter(path, architecture)
    numbers = {f"{architecture}.{key}": value for key, value in (integers or {}).items()}
    others = {f"{architecture}.{key}": value for key, value in (values or {}).items()}
    for name, field in source.fields.items():
        key = name.replace("llama.", f"{architecture}.", 1)
        if name.startswith("GGUF.") or name == "general.architecture" or key in without:
            continue
        if key in numbers or key in others or key in (texts or {}):
            continue
        kind = field.types[0]
        inner = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(key, field.contents(), kind, inner)
    for key, value in numbers.items():
        writer.add_uint32(key, value)
    for key, other in others.items():
        if isinstance(other, float):
            writer.add_float32(key, other)
        else:
            writer.add_array(key, other)
    for key, text in (texts or {}).items():
        writer.add_string(key, text)
    stored = {tensor.name: np.array(tensor.data) for tensor in source.tensors} | dict(tensors or {})
    for name, content in stored.items():
        if name not in without:
            writer.add_tensor(name, content)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
