"""Every family that can be written for llama.cpp; a new one is one more record."""

from __future__ import annotations

from gguf import MODEL_ARCH as ARCHITECTURE
from transformers import PreTrainedConfig

from serving.export.families.family import Family
from serving.export.families.hyperparameters import (
    adjusted_size,
    attention_temperature,
    experts,
    gated_delta,
    gemma_window,
    mamba,
    no_window,
    olmo_window,
    positions,
    scales,
    shared_size,
    short_convolution,
)
from serving.export.families.tensors import (
    CONVOLUTION,
    EXPERTS,
    GATED_DELTA,
    GRANITE_DENSE,
    GRANITE_EXPERTS,
    MAMBA,
    NEIGHBOURS,
    NORMS_FROM_ONE,
    SHARED_EXPERT,
)
from stratos.catalog.exportable import require_network

FAMILIES = {
    "llama": Family(ARCHITECTURE.LLAMA, NEIGHBOURS),
    "mistral": Family(ARCHITECTURE.LLAMA, NEIGHBOURS),
    "ministral": Family(ARCHITECTURE.LLAMA, NEIGHBOURS),
    "mixtral": Family(ARCHITECTURE.LLAMA, (*NEIGHBOURS, *EXPERTS), (experts,)),
    "ministral3": Family(ARCHITECTURE.MISTRAL3, NEIGHBOURS, (attention_temperature,)),
    "qwen2": Family(ARCHITECTURE.QWEN2),
    "qwen3": Family(ARCHITECTURE.QWEN3),
    "gemma3_text": Family(ARCHITECTURE.GEMMA3, (NORMS_FROM_ONE,), (gemma_window,)),
    "smollm3": Family(ARCHITECTURE.SMOLLM3, NEIGHBOURS),
    "phi3": Family(ARCHITECTURE.PHI3, writes=(no_window,)),
    "granite": Family(ARCHITECTURE.GRANITE, NEIGHBOURS, (scales,)),
    "olmo2": Family(ARCHITECTURE.OLMO2, needs_head=True),
    "olmo3": Family(ARCHITECTURE.OLMO2, writes=(olmo_window,), needs_head=True),
    "qwen2_moe": Family(
        ARCHITECTURE.QWEN2MOE, (*EXPERTS, SHARED_EXPERT), (experts,), needs_head=True
    ),
    "qwen3_moe": Family(ARCHITECTURE.QWEN3MOE, EXPERTS, (experts,), needs_head=True),
    "granitemoe": Family(
        ARCHITECTURE.GRANITE_MOE, (*NEIGHBOURS, *GRANITE_EXPERTS), (scales, experts)
    ),
    "lfm2": Family(
        ARCHITECTURE.LFM2,
        (CONVOLUTION,),
        (short_convolution,),
        counts_heads_by_layer=True,
        feed_forward=adjusted_size,
    ),
    "qwen3_next": Family(
        ARCHITECTURE.QWEN3NEXT,
        (*EXPERTS, SHARED_EXPERT, *GATED_DELTA, NORMS_FROM_ONE),
        (experts, gated_delta),
    ),
}


def _granite4(config: PreTrainedConfig) -> Family:
    """Granite 4 is four networks under one name: with experts or not, with states or not."""
    mixture, states = bool(config.num_local_experts), {"mamba", "linear_attention"}
    stateful = bool(states & set(config.layer_types))
    plain = ARCHITECTURE.GRANITE_MOE if mixture else ARCHITECTURE.GRANITE
    return Family(
        ARCHITECTURE.GRANITE_HYBRID if stateful else plain,
        (*NEIGHBOURS, *(GRANITE_EXPERTS if mixture else GRANITE_DENSE), *MAMBA),
        (scales, positions, *([experts] if mixture else []), *([mamba] if stateful else [])),
        counts_heads_by_layer=stateful,
        feed_forward=shared_size,
    )


VARIED = {"granitemoehybrid": _granite4}
"""Families whose record depends on more of config.json."""


def family_of(config: PreTrainedConfig) -> Family:
    """Look a model up.

    Raises:
        NotExportable: llama.cpp would compute something else than transformers, or nothing.
    """
    require_network(config.to_dict())
    varied = VARIED.get(config.model_type)
    return FAMILIES[config.model_type] if varied is None else varied(config)
