"""A GGUF of random weights: what llama.cpp takes and how fast it is depends on sizes alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType as Stored
from gguf import GGUFWriter
from gguf.constants import GGML_QUANT_SIZES

from stratos.planning.forecast.transformer import Transformer
from stratos.spec import CpuPrecision

_ASCII = 128
_PRINTABLE = range(ord("!"), ord("~") + 1)
_SCALE = np.array([5e-4], dtype=np.float16).view(np.uint8)
_SCALES: dict[Stored, tuple[int, ...]] = {
    Stored.Q4_K: (0, 2),
    Stored.Q6_K: (208,),
    Stored.Q5_0: (0,),
    Stored.Q8_0: (0,),
}
"""Where the scales of a block are; any other bytes are weights."""


def write_random(path: Path, model: Transformer, precision: CpuPrecision) -> None:
    """A Qwen3 with tied embeddings and the sizes of a model."""
    writer = GGUFWriter(path, "qwen3")
    writer.add_block_count(model.layers)
    writer.add_context_length(32_768)
    writer.add_embedding_length(model.hidden_size)
    writer.add_feed_forward_length(model.inner)
    writer.add_head_count(model.heads)
    writer.add_head_count_kv(model.kv_heads)
    writer.add_key_length(model.head_dim)
    writer.add_value_length(model.head_dim)
    writer.add_rope_freq_base(1e6)
    writer.add_layer_norm_rms_eps(1e-6)
    _add_tokenizer(writer, model.vocabulary)
    rng = np.random.default_rng(0)
    for name, shape, careful in _tensors(model):
        if len(shape) == 1:
            writer.add_tensor(name, np.ones(shape, dtype=np.float32))
            continue
        kind = _kind(precision, shape[-1], careful=careful)
        if kind in (Stored.F32, Stored.F16):
            values = rng.standard_normal(shape, dtype=np.float32) * 0.02
            whole = np.float32 if kind == Stored.F32 else np.float16
            writer.add_tensor(name, values.astype(whole))
        else:
            writer.add_tensor(name, _blocks(rng, shape, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_tokenizer(writer: GGUFWriter, size: int) -> None:
    """ASCII, and names up to the size of the vocabulary: whatever is drawn is valid text."""
    others = iter(range(256, 512))
    letters = [chr(byte if byte in _PRINTABLE else next(others)) for byte in range(_ASCII)]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list([*letters, *(f"<{number}>" for number in range(_ASCII, size))])
    writer.add_token_types([1] * _ASCII + [3] + [1] * (size - _ASCII - 1))
    writer.add_token_merges([f"{letters[0]} {letters[1]}"])
    writer.add_eos_token_id(_ASCII)
    writer.add_add_bos_token(False)


def _tensors(model: Transformer) -> Iterator[tuple[str, tuple[int, ...], bool]]:
    """Name, shape, and whether `q4_k_m` gives it 6 bits."""
    hidden, queries = model.hidden_size, model.heads * model.head_dim
    keys, layers = model.kv_heads * model.head_dim, model.layers
    yield "token_embd.weight", (model.vocabulary, hidden), True
    yield "output_norm.weight", (hidden,), False
    for layer in range(layers):
        block, eighth = f"blk.{layer}.", layers // 8
        careful = layer < eighth or layer >= 7 * layers // 8 or (layer - eighth) % 3 == 2
        for name, width in (
            ("attn", hidden),
            ("ffn", hidden),
            ("attn_q", model.head_dim),
            ("attn_k", model.head_dim),
        ):
            yield f"{block}{name}_norm.weight", (width,), False
        yield f"{block}attn_q.weight", (queries, hidden), False
        yield f"{block}attn_k.weight", (keys, hidden), False
        yield f"{block}attn_v.weight", (keys, hidden), careful
        yield f"{block}attn_output.weight", (hidden, queries), False
        yield f"{block}ffn_gate.weight", (model.inner, hidden), False
        yield f"{block}ffn_up.weight", (model.inner, hidden), False
        yield f"{block}ffn_down.weight", (hidden, model.inner), careful


def _kind(precision: CpuPrecision, row: int, *, careful: bool) -> Stored:
    if precision == "q4_k_m":
        if row % 256:
            return Stored.Q8_0 if careful else Stored.Q5_0
        return Stored.Q6_K if careful else Stored.Q4_K
    whole: dict[CpuPrecision, Stored] = {
        "float32": Stored.F32,
        "float16": Stored.F16,
        "q8_0": Stored.Q8_0,
    }
    return whole[precision]


def _blocks(rng: np.random.Generator, shape: tuple[int, ...], kind: Stored) -> np.ndarray:
    weights, size = GGML_QUANT_SIZES[kind]
    rows, row = shape
    found = rng.integers(0, 256, (rows, row // weights, size), dtype=np.uint8)
    for start in _SCALES[kind]:
        found[..., start : start + 2] = _SCALE
    return found.reshape(rows, -1)
