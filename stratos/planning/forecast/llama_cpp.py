"""What llama.cpp takes of a machine's memory for one model, and how large its files are.

The formulas follow llama.cpp's own rules for mixing types (`llama-quantize`, build 10566); the
constants are fitted and checked by `benchmarks/engine_memory.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import ceil
from typing import Literal

from stratos.planning.forecast.transformer import Transformer
from stratos.spec import CpuPrecision
from stratos.units import GIB

CACHE_BYTES = 2.0
"""Of one key or value, whatever the weights are: float16."""
CONTEXT_STEP = 256
"""A slot's context is a multiple of it."""

_MIB = 2.0**20
_Q8_0, _Q4_K, _Q6_K, _Q5_0 = 34 / 32, 144 / 256, 210 / 256, 22 / 32
"""Bytes of one weight."""
_K_BLOCK, _BLOCK = 256, 32
"""Weights of a row that are quantised together. A row that no k-block divides gets a type of more
bits, and one that no block divides stays in 16."""
_MICRO_BATCH = 512
"""Tokens of prompts that are read together (`--ubatch-size`)."""
_RUNTIME_BYTES = 34 * _MIB
"""Of the process before any model: libraries, threads, HTTP. Measured."""
_VOCABULARY_BYTES = 500.0
"""Of one piece of the tokenizer, with its merges. Measured."""
_SLOT_BYTES = 0.25 * _MIB
_LOGIT_BYTES = 18.0
"""Of one slot and piece of the vocabulary: the logit, and the candidates it is sampled from."""

_Mix = Literal["plain", "half", "careful"]
"""How `q4_k_m` treats a tensor: in 4 bits, in 6 bits in half of the layers, always in 6 bits."""


@dataclass(frozen=True)
class _Tensors:
    """Equal tensors of all layers.

    Attributes:
        row: Weights of one row, which is what blocks must divide.
        multiplied: They are factors of a matrix product; a table that is only looked up is not.
    """

    weights: float
    row: int
    mix: _Mix
    multiplied: bool = True


@lru_cache(maxsize=1024)
def weight_bytes(model: Transformer, precision: CpuPrecision) -> float:
    """Of the GGUF in this precision."""
    if precision == "float32":
        return 4.0 * model.parameters
    if precision == "float16":
        return 2.0 * model.parameters
    return sum(tensors.weights * _bytes(tensors, precision) for tensors in _tensors(model))


@lru_cache(maxsize=1024)
def repacked_bytes(model: Transformer, precision: CpuPrecision) -> float:
    """Held twice: tensors whose blocks are laid out anew for the processor, beside the file."""
    if precision != "q4_k_m":
        return 0.0
    mixed = {"plain": 1.0, "half": 0.5, "careful": 0.0}
    return sum(
        mixed[tensors.mix] * tensors.weights * _Q4_K
        for tensors in _tensors(model)
        if tensors.multiplied and tensors.row % _K_BLOCK == 0
    )


def slot_bytes(model: Transformer, context_tokens: int) -> float:
    """Of one more slot: its keys and values, and what its tokens are sampled from."""
    cache = CACHE_BYTES * padded_context(context_tokens) * model.kv_values_per_token
    return cache + _SLOT_BYTES + _LOGIT_BYTES * model.vocabulary


def fixed_bytes(model: Transformer, precision: CpuPrecision, context_tokens: int) -> float:
    """Of everything but the slots."""
    states = 4.0 * _MICRO_BATCH * (4 * model.hidden_size + 2 * _inner(model))
    mask = 2.0 * _MICRO_BATCH * padded_context(context_tokens)
    engine = _RUNTIME_BYTES + states + mask + _VOCABULARY_BYTES * model.vocabulary
    return weight_bytes(model, precision) + repacked_bytes(model, precision) + engine


def memory_gib(
    model: Transformer, precision: CpuPrecision, context_tokens: int, slots: int
) -> float:
    """Most that the process holds with every slot in use."""
    fixed = fixed_bytes(model, precision, context_tokens)
    return (fixed + slots * slot_bytes(model, context_tokens)) / GIB


def padded_context(tokens: float) -> int:
    """The context that a slot gets if so much is asked for."""
    return CONTEXT_STEP * ceil(tokens / CONTEXT_STEP)


def _bytes(tensors: _Tensors, precision: CpuPrecision) -> float:
    """Of one weight."""
    if tensors.row % _BLOCK:
        return 2.0
    if precision == "q8_0":
        return _Q8_0
    whole = tensors.row % _K_BLOCK == 0
    four, six = (_Q4_K, _Q6_K) if whole else (_Q5_0, _Q8_0)
    return {"plain": four, "half": (four + six) / 2, "careful": six}[tensors.mix]


def _tensors(model: Transformer) -> Iterator[_Tensors]:
    hidden, queries, keys = model.hidden_size, model.query_width, model.key_width
    table, layers, tied = model.table_parameters, model.layers, model.is_tied
    attention = layers * hidden * 2.0 * (queries + keys)
    yield _Tensors(table, hidden, "careful", multiplied=tied)
    if not tied:
        yield _Tensors(table, hidden, "plain", multiplied=False)
    yield _Tensors(layers * hidden * float(queries + keys), hidden, "plain")
    yield _Tensors(layers * hidden * float(keys), hidden, "half")
    yield _Tensors(layers * hidden * float(queries), queries, "plain")
    # What is left is the feed-forward block, of however many experts.
    left = max(0.0, model.parameters - attention - table * (1 if tied else 2))
    yield _Tensors(left * 2 / 3, hidden, "plain")
    yield _Tensors(left / 3, model.inner or hidden, "half")


def _inner(model: Transformer) -> int:
    """Width of the feed-forward block; the usual one if the card does not say."""
    return model.inner or 3 * model.hidden_size
