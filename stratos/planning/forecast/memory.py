"""Memory: what must fit on a device, in GiB."""

from __future__ import annotations

from stratos.planning.forecast.transformer import Transformer
from stratos.spec import Method
from stratos.units import GIB

HEADROOM = 0.10
"""Of the device's reported memory, left to the allocator and the runtime."""
ADAMW_BYTES = 16.0
"""Per trained parameter: weight and gradient, master copy, two moments (ZeRO, arXiv 1910.02054)."""

VLLM_RUNTIME_GIB = 1.5
"""CUDA context, graphs and activations; assumed."""


def adapter_parameters(model: Transformer, rank: int) -> float:
    """LoRA on every linear layer: r · (inputs + outputs), summed (arXiv 2106.09685).

    The feed-forward width is not on a card; it is inferred from the parameter count.
    """
    hidden = model.hidden_size
    key_value = model.kv_heads * model.head_dim
    attention = 2 * hidden * hidden + 2 * hidden * key_value
    body = max(0.0, model.parameters - 2.0 * model.vocabulary * hidden)
    inner = max(2.0 * hidden, (body / model.layers - attention) / (3 * hidden))
    per_layer = 2 * (2 * hidden) + 2 * (hidden + key_value) + 3 * (hidden + inner)
    return rank * model.layers * per_layer


def training_gib(
    model: Transformer,
    method: Method,
    bytes_per_value: float,
    micro_batch_tokens: float,
    lora_rank: int,
    *,
    checkpointed: bool = True,
    num_devices: int = 1,
) -> float:
    """Weights, gradients, optimizer state, and activations of one micro-batch, on one device.

    Activations at 16 bits are 34 bytes per token, layer and hidden unit (arXiv 2205.05198, eq. 1,
    without the attention map, which is never stored); under checkpointing each layer keeps its
    input, and one layer at a time the rest.

    Args:
        checkpointed: Activations are recomputed in the backward pass; jobs do so if they would
            not fit.
        num_devices: The state is sharded over this many (FSDP).
    """
    if method == "full":
        state = ADAMW_BYTES * model.parameters
    else:
        state = model.parameters * bytes_per_value
        state += ADAMW_BYTES * adapter_parameters(model, lora_rank)
    kept = model.layers + 17.0 if checkpointed else 17.0 * model.layers
    per_token = model.hidden_size * bytes_per_value * kept
    return (state / num_devices + micro_batch_tokens * per_token) / GIB


def reading_gib(
    model: Transformer, method: Method, bytes_per_value: float, num_devices: int
) -> float:
    """Main memory of a host whose processes each read the whole model before it is sharded."""
    stored = 4.0 if method == "full" else bytes_per_value
    return num_devices * model.parameters * stored / GIB


def vllm_gib(
    model: Transformer, bytes_per_value: float, cached_tokens: float, there_gib: float
) -> float:
    """What a replica of vLLM holds: weights, keys and values, and its own runtime, within its GPUs.

    It reserves the rest of its share of the memory for more keys and values.
    """
    values = model.parameters + cached_tokens * model.kv_values_per_token
    return min(there_gib, values * bytes_per_value / GIB + VLLM_RUNTIME_GIB)


def fits(needed_gib: float, there_gib: float) -> bool:
    """Whether it fits into the memory of a device or a host, with headroom."""
    return needed_gib <= there_gib * (1 - HEADROOM)
