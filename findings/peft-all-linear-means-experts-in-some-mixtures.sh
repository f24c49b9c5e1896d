#!/usr/bin/env bash
# peft's target_modules="all-linear" means every expert and the router in some mixtures of experts,
# and nothing of either in others.
#
# Seen with: peft 0.21.2, transformers 5.23.0, torch 2.13.0, Python 3.11.
# In transformers 5 the experts of a layer are two parameters of three dimensions and the router is
# one of two: no family has an nn.Linear there.
# Expected, as peft documents it: adapters on nn.Linear layers, but for the head.
# Seen: on Mixtral and Qwen3 MoE, adapters on router and fused experts, most of all weights that are
# trained; on Granite MoE and Qwen2 MoE, whose experts are built alike, none. No warning says so.
# Exits with 1 if any of this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3.11}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet peft==0.21.2 transformers==5.23.0 torch==2.13.0
"$folder/venv/bin/python" - <<'PYTHON' 2>/dev/null
from peft import LoraConfig, get_peft_model
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM

SIZES = {
    "hidden_size": 16, "intermediate_size": 16, "moe_intermediate_size": 8, "num_hidden_layers": 1,
    "num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": 32, "num_local_experts": 4,
    "num_experts": 4, "num_experts_per_tok": 1,
}
ATTENTION = {"q_proj", "k_proj", "v_proj", "o_proj"}

def adapted(family):
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(family, **SIZES))
    linear = {name for name, part in model.named_modules() if isinstance(part, nn.Linear)}
    assert not any(".experts" in name or name.endswith(".gate") for name in linear), linear
    names = {name for name, _ in model.named_modules()}
    found = get_peft_model(model, LoraConfig(r=2, target_modules="all-linear"))
    trained = {n.split(".lora_")[0].removeprefix("base_model.model.") for n, p in found.named_parameters() if p.requires_grad}
    trained = {name.removesuffix(".base_layer") for name in trained}
    assert trained <= names, trained - names
    return {name.rsplit(".", 1)[-1] for name in trained}

for family in ("mixtral", "qwen3_moe", "granitemoe", "qwen2_moe"):
    found = adapted(family)
    print(f"{family:10}:", *sorted(found))
    assert ATTENTION <= found
    assert ({"experts", "gate"} <= found) == (family in ("mixtral", "qwen3_moe")), found
PYTHON
