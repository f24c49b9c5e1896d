"""Models of 8 and 0.135 billion weights that formulas are checked on."""

from __future__ import annotations

from stratos.planning.forecast.transformer import Transformer

QWEN_8B = Transformer("Qwen3-8B", 8.19e9, 8.19e9, 36, 4096, 8, 128, 151_936)
SMOLLM2 = Transformer(
    "SmolLM2-135M", 134_515_008, 134_515_008, 30, 576, 3, 64, 49_152, heads=9, inner=1_536
)
