"""A model of 8 billion weights that formulas are checked on."""

from __future__ import annotations

from stratos.planning.forecast.transformer import Transformer

QWEN_8B = Transformer("Qwen3-8B", 8.19e9, 8.19e9, 36, 4096, 8, 128, 151_936)
