"""How efficient our jobs and endpoints are on a device, before anything was measured."""

from __future__ import annotations

from dataclasses import dataclass, replace

from stratos.catalog.servers import InstanceType, Runtime
from stratos.contracts.plan import EngineName, ServedPrecision
from stratos.spec import CpuPrecision

BYTES_PER_PARAMETER: dict[ServedPrecision, float] = {
    "float32": 4.0,
    "bfloat16": 2.0,
    "float16": 2.0,
    "fp8": 1.0,
}
"""Unless quantised in blocks (`stratos.planning.forecast.llama_cpp`)."""
SERVED_BY: dict[Runtime, EngineName] = {"cpu": "llama_cpp", "cuda": "vllm"}


@dataclass(frozen=True)
class Efficiency:
    """Shares of a device's peak, and fixed costs however small the model.

    Attributes:
        training: Share of peak FLOP/s in the matrix products of a training step.
        prefill: The same when reading a prompt.
        decode: The same when decoding: few rows at a time.
        attention: Of these shares, what attention reaches.
        bandwidth: Share of peak memory bandwidth when decoding.
        overlap: 1 where memory traffic hides behind arithmetic, 0 where the two add up.
        half_width: Hidden size at which matrix products reach half of these shares.
        elementwise_flop: What norms, activations, rotations and the optimizer cost in a training
            step, as FLOP at peak per token, layer and hidden unit; a forward pass costs a third.
        layer_seconds: Dispatch of one layer in one forward pass.
        step_seconds: Dispatch of one forward pass beyond its layers, sampling included.
        slots: Sequences an endpoint decodes at once, at most.
        sequence_seconds: Bookkeeping of one sequence in one decoding step.
        request_seconds: Of one request outside the model: HTTP, tokenizer, scheduling.
        relative_sd: Standard deviation of log(measured / predicted) before calibration.
    """

    training: float
    prefill: float
    decode: float
    attention: float
    bandwidth: float
    overlap: float
    half_width: float
    elementwise_flop: float
    layer_seconds: float
    step_seconds: float
    slots: int
    sequence_seconds: float
    request_seconds: float
    relative_sd: float

    def at_width(self, hidden_size: int) -> float:
        """Share of the large-width rate that matrices this narrow reach."""
        return hidden_size / (hidden_size + self.half_width)


EFFICIENCIES: dict[Runtime, Efficiency] = {
    # Of jobs, in PyTorch.
    # Training: 33-39% reported for 8B on H100 (torchtitan), elementwise work included. Jobs decode
    # in eager PyTorch, bound by the host: about 0.7 ms a layer. All but the first are assumed until
    # runs calibrate them.
    "cuda": Efficiency(
        training=0.36,
        prefill=0.5,
        decode=0.5,
        attention=1.0,
        bandwidth=0.6,
        overlap=1.0,
        half_width=256,
        elementwise_flop=0.0,
        layer_seconds=7e-4,
        step_seconds=2e-3,
        slots=256,
        sequence_seconds=2e-5,
        request_seconds=1.5e-2,
        relative_sd=0.45,
    ),
    # Fitted with `benchmarks/planner.py` on one thread, models 64 to 512 wide, in float32.
    "cpu": Efficiency(
        training=0.9,
        prefill=0.9,
        decode=0.5,
        attention=0.35,
        bandwidth=0.5,
        overlap=0.0,
        half_width=0.0,
        elementwise_flop=8500.0,
        layer_seconds=3.5e-4,
        step_seconds=3e-4,
        slots=32,
        sequence_seconds=5e-5,
        request_seconds=6e-3,
        relative_sd=0.35,
    ),
}
GENERATING: dict[Runtime, Efficiency] = EFFICIENCIES
"""Where a job asks a model: a probe, synthesis, an evaluation."""
SERVING: dict[Runtime, Efficiency] = {
    # vLLM with CUDA graphs; assumed until runs calibrate it.
    "cuda": replace(EFFICIENCIES["cuda"], layer_seconds=2e-5),
    # llama.cpp in float32, fitted on one thread to models of 0.5, 5 and 135 million weights with 1
    # to 32 requests at once. Steps are forecast within 15% on average, but those of one request
    # are up to 76% faster where the weights fit into a cache.
    "cpu": replace(
        EFFICIENCIES["cpu"],
        prefill=0.55,
        decode=0.35,
        bandwidth=0.87,
        half_width=100,
        elementwise_flop=0.0,
        layer_seconds=6e-6,
        step_seconds=1e-5,
        sequence_seconds=1e-5,
        request_seconds=3e-3,
    ),
}
CPU_SPEEDS: dict[CpuPrecision, float] = {
    "float32": 1.0,
    "float16": 1.0,
    "q8_0": 1.45,
    "q4_k_m": 1.6,
}
"""Arithmetic of llama.cpp in a precision, over that in float32. Fitted likewise, with AVX2."""
READ_OVER_COPY = 1.5
"""A CPU's measured rate is that of a copy, whose target is read before it is written: nobody counts
that third transfer. Weights are only read."""
DATASHEET_CPU_SHARE = 0.6
"""Of a CPU's computed peak, what a large matrix product reaches; measured servers need no such
factor."""

REFERENCE_DISPATCH_US = 0.29
"""`InstanceType.dispatch_us` of the machine the CPU figures above were fitted on."""


HIDDEN_SHARE = 0.5
"""In training: of the shorter of arithmetic and traffic between devices, what the longer hides.

FSDP fetches the next layer while one is computed, but eager PyTorch dispatches both from one
thread; assumed until runs on several devices calibrate it.
"""
ALL_REDUCE_SECONDS = 2e-5
"""For a few kilobytes, such as one token's hidden states, however fast the link.

NCCL inside a CUDA graph, four cards on PCIe: 19 us (haohervchb/sglang-V100#2).
"""


def flop_per_second(instance: InstanceType, precision: ServedPrecision) -> float | None:
    """Peak of one device in a precision; None where the hardware has no such rate."""
    if precision == "float32":
        peak = instance.tflops_32bit
    elif precision == "bfloat16":
        peak = instance.tflops_16bit if instance.bfloat16 else None
    else:
        return None
    if peak is None:
        return None
    share = DATASHEET_CPU_SHARE if instance.runtime == "cpu" and not instance.measured else 1.0
    return peak * 1e12 * share


def bytes_per_second(instance: InstanceType) -> float | None:
    """Peak memory bandwidth of one device."""
    gb = instance.memory_bandwidth_gb_per_s
    return None if gb is None else gb * 1e9


def dispatch_factor(instance: InstanceType) -> float:
    """How many times slower a single thread is than the one the figures were fitted on."""
    return 1.0 if instance.dispatch_us is None else instance.dispatch_us / REFERENCE_DISPATCH_US
