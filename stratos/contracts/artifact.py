"""What the distilled model's archive holds, by file name.

config.json, model.safetensors, tokenizer.json, …    for transformers, peft and vLLM
model.gguf, model-q8_0.gguf                          for llama.cpp: in full, and quantised
adapter/                                             the LoRA adapter, merged into the weights
manifest.json, metrics.json, README.md               what it is and how it was made
"""

from __future__ import annotations

from stratos.contracts.plan import ServedPrecision
from stratos.spec import QUANTISED

GGUF_IN_FULL = "model.gguf"
"""Unquantised weights, in whichever precision; the manifest says in which."""


def gguf_name(precision: ServedPrecision) -> str:
    """The file that llama.cpp serves in a precision; unquantised weights are in one file only."""
    return f"model-{precision}.gguf" if precision in QUANTISED else GGUF_IN_FULL
