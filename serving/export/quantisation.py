"""What each tensor is stored as in a precision, and its bytes."""

from __future__ import annotations

import ctypes
import importlib
import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Stored
from numpy.typing import NDArray

from stratos.spec import CpuPrecision

FILE_TYPES: dict[CpuPrecision, gguf.LlamaFileType] = {
    "float32": gguf.LlamaFileType.ALL_F32,
    "float16": gguf.LlamaFileType.MOSTLY_F16,
    "q8_0": gguf.LlamaFileType.MOSTLY_Q8_0,
    "q4_k_m": gguf.LlamaFileType.MOSTLY_Q4_K_M,
}
_MATRICES: dict[CpuPrecision, Stored] = {
    "float32": Stored.F32,
    "float16": Stored.F16,
    "q8_0": Stored.Q8_0,
    "q4_k_m": Stored.Q4_K,
}
_FALLBACK = {Stored.Q4_K: Stored.Q5_0, Stored.Q6_K: Stored.Q8_0}
"""For rows that are no multiple of 256."""
_MORE_BITS = re.compile(r"blk\.(\d+)\.(?:attn_v|ffn_down|ffn_down_exps)\.weight")
_WHOLE = re.compile(
    r"blk\.\d+\.(?:ffn_gate_inp|ssm_(?:conv1d|norm)|shortconv\.conv)\.weight|.*\.ssm_[ad]"
)
"""Which expert a token passes, and what is carried from token to token: never rounded."""
_MIN_ROWS_OF_A_THREAD = 64


def stored_type(
    name: str, shape: Sequence[int], precision: CpuPrecision, *, num_layers: int, tied: bool
) -> Stored:
    """What llama.cpp's own quantiser stores a tensor as.

    Args:
        name: In the GGUF.
        tied: The embeddings are the output projection, too.
    """
    if len(shape) < 2 or _WHOLE.fullmatch(name):
        return Stored.F32
    kind = _MATRICES[precision]
    if precision == "q4_k_m":
        kind = _more_bits(name, kind, shape[-1], num_layers, tied=tied)
    if shape[-1] % _block(kind):
        kind = _FALLBACK.get(kind, Stored.F16)
    return kind if shape[-1] % _block(kind) == 0 else Stored.F16


def _more_bits(name: str, kind: Stored, row: int, num_layers: int, *, tied: bool) -> Stored:
    if name == ("token_embd.weight" if tied else "output.weight"):
        return Stored.Q8_0 if row % _block(kind) else Stored.Q6_K
    found = _MORE_BITS.fullmatch(name)
    if found is None:
        return kind
    # The first and last eighth of the layers, and every third between.
    layer, eighth = int(found[1]), num_layers // 8
    outer = layer < eighth or layer >= 7 * num_layers // 8
    return Stored.Q6_K if outer or (layer - eighth) % 3 == 2 else kind


def _block(kind: Stored) -> int:
    return int(gguf.GGML_QUANT_SIZES[kind][0])


def num_bytes(shape: Sequence[int], kind: Stored) -> int:
    block, size = gguf.GGML_QUANT_SIZES[kind]
    return int(np.prod(shape)) // int(block) * int(size)


def quantised(values: NDArray[np.float32], kind: Stored) -> NDArray[Any]:
    """A tensor's bytes.

    Args:
        values: Contiguous.
    """
    if kind in (Stored.F32, Stored.F16, Stored.Q8_0):
        encoded: NDArray[Any] = gguf.quants.quantize(values, kind)
        return encoded
    row, num_rows = values.shape[-1], values.size // values.shape[-1]
    size = num_bytes((row,), kind)
    out = np.empty((num_rows, size), dtype=np.uint8)
    library = _library()
    library.ggml_quantize_init(int(kind))

    def quantise(start: int, end: int) -> None:
        written = library.ggml_quantize_chunk(
            int(kind),
            values.ctypes.data_as(ctypes.POINTER(ctypes.c_float)),
            out.ctypes.data,
            start * row,
            end - start,
            row,
            None,
        )
        assert written == (end - start) * size

    threads = os.cpu_count() or 1
    step = max(_MIN_ROWS_OF_A_THREAD, -(-num_rows // threads))
    with ThreadPoolExecutor(threads) as pool:
        starts = range(0, num_rows, step)
        list(pool.map(quantise, starts, [min(start + step, num_rows) for start in starts]))
    return out


@cache
def _library() -> ctypes.CDLL:
    """llama.cpp, which has the K-quants that the package gguf can only read."""
    library = ctypes.CDLL(importlib.import_module("xllamacpp.xllamacpp").__file__)
    library.ggml_quantize_init.argtypes = [ctypes.c_int]
    library.ggml_quantize_init.restype = None
    library.ggml_quantize_chunk.argtypes = [
        ctypes.c_int,
        ctypes.POINTER(ctypes.c_float),
        ctypes.c_void_p,
        ctypes.c_int64,
        ctypes.c_int64,
        ctypes.c_int64,
        ctypes.POINTER(ctypes.c_float),
    ]
    library.ggml_quantize_chunk.restype = ctypes.c_size_t
    return library
