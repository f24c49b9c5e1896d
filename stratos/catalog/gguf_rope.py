"""What scales the rotary embedding of a GGUF, as `config.json` says it."""

from __future__ import annotations

import math
import struct

from stratos.catalog.gguf_header import GgufHeader, GgufTensor, ReadRange
from stratos.catalog.gguf_sizes import GgufSizes, rounded

ROPE_FACTORS = "rope_freqs.weight"
_LLAMA3_LOW, _LLAMA3_HIGH, _LLAMA3_ORIGINAL = 1.0, 4.0, 8192
"""Of every Llama 3.1, 3.2 and 3.3; a GGUF stores what follows from them."""
_MOST_DIVISORS = 65_536


def rope_scaling(
    header: GgufHeader,
    size: GgufSizes,
    factors: GgufTensor | None,
    read_range: ReadRange,
    name: str,
) -> dict[str, object] | None:
    """The `rope_scaling` of config.json; None where nothing is scaled.

    Args:
        factors: The tensor of divisors, where the file has one.
        name: Of the file, for messages.

    Raises:
        ValueError: it is scaled in a way that is not read.
    """
    kind = header.text(f"{header.architecture}.rope.scaling.type") or "none"
    if factors is not None:
        return _llama3_scaling(factors, size, read_range, name)
    if kind == "none":
        return None
    if kind not in ("linear", "yarn") or size.number("rope.scaling.attn_factor", 1.0) != 1.0:
        raise ValueError(
            f"{name} scales its rotary embedding by {kind!r}, or its attention beside it; linear "
            "and yarn are read. Upload the model's folder of safetensors instead"
        )
    scaling: dict[str, object] = {
        "rope_type": kind,
        "factor": rounded(size.number("rope.scaling.factor")),
    }
    if kind == "yarn":
        trained = size.of("rope.scaling.original_context_length", size.of("context_length"))
        scaling["original_max_position_embeddings"] = trained
        scaling["beta_fast"] = rounded(size.number("rope.scaling.yarn_beta_fast", 32.0))
        scaling["beta_slow"] = rounded(size.number("rope.scaling.yarn_beta_slow", 1.0))
    return scaling


def _llama3_scaling(
    tensor: GgufTensor, size: GgufSizes, read_range: ReadRange, name: str
) -> dict[str, object]:
    """The scaling of Llama 3 that a file's divisors follow from."""
    if tensor.stored != "F32":
        raise ValueError(f"{name}: {tensor.name} is stored as {tensor.stored}, not F32")
    if not 0 < tensor.numbers <= _MOST_DIVISORS:
        raise ValueError(f"{name}: {tensor.name} has {tensor.numbers:,} numbers; it is damaged")
    content = read_range(tensor.begin, tensor.end - tensor.begin)
    if len(content) < 4 * tensor.numbers:
        raise ValueError(f"{name} ends within {tensor.name}; download or upload it again")
    found = struct.unpack(f"<{tensor.numbers}f", content)
    factor = max(found)
    wanted = _llama3_divisors(2 * len(found), size.number("rope.freq_base", 10_000.0), factor)
    if not all(
        math.isclose(a, b, rel_tol=1e-3, abs_tol=1e-3) for a, b in zip(found, wanted, strict=True)
    ):
        raise ValueError(
            f"{name} scales its rotary embedding by {tensor.name}, and not as Llama 3 does; upload "
            "the model's folder of safetensors instead"
        )
    return {
        "rope_type": "llama3",
        "factor": rounded(factor),
        "low_freq_factor": _LLAMA3_LOW,
        "high_freq_factor": _LLAMA3_HIGH,
        "original_max_position_embeddings": _LLAMA3_ORIGINAL,
    }


def _llama3_divisors(head_size: int, theta: float, factor: float) -> list[float]:
    divisors = []
    for i in range(0, head_size, 2):
        turns = _LLAMA3_ORIGINAL / (2 * math.pi * theta ** (i / head_size))
        kept = (turns - _LLAMA3_LOW) / (_LLAMA3_HIGH - _LLAMA3_LOW)
        kept = min(1.0, max(0.0, kept))
        divisors.append(1 / ((1 - kept) / factor + kept))
    return divisors
