"""One replica of a model on one instance type: what it reaches before calibration."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import floor

from stratos.catalog.servers import InstanceType
from stratos.contracts.plan import ServedPrecision
from stratos.planning.forecast.devices import link_bytes_per_second
from stratos.planning.forecast.engine import (
    ALL_REDUCE_SECONDS,
    BYTES_PER_PARAMETER,
    CPU_SPEEDS,
    GENERATING,
    READ_OVER_COPY,
    SERVING,
    Efficiency,
    bytes_per_second,
    dispatch_factor,
    flop_per_second,
)
from stratos.planning.forecast.llama_cpp import CACHE_BYTES, fixed_bytes, slot_bytes, weight_bytes
from stratos.planning.forecast.memory import HEADROOM
from stratos.planning.forecast.transformer import Transformer
from stratos.spec import CpuPrecision
from stratos.units import GIB

_ALL_REDUCES_PER_LAYER = 2
"""After attention and after the feed-forward block (Megatron-LM, arXiv 1909.08053, section 3)."""


@dataclass(frozen=True)
class Replica:
    """A model on one instance type, in an endpoint or in a job.

    Attributes:
        precision: Of its weights.
        slot_tokens: Context of one request, as the engine of an endpoint is told.
        devices: That it is spread over.
        job_batch: Sequences a job decodes at once, memory permitting; None for an endpoint.
    """

    model: Transformer
    instance: InstanceType
    precision: ServedPrecision
    slot_tokens: int
    devices: int
    job_batch: int | None

    @cached_property
    def efficiency(self) -> Efficiency:
        return (SERVING if self.job_batch is None else GENERATING)[self.instance.runtime]

    @cached_property
    def in_llama_cpp(self) -> CpuPrecision | None:
        """Its precision there; None in another engine."""
        if self.instance.runtime != "cpu" or self.job_batch is not None:
            return None
        return cpu_precision(self.precision)

    @cached_property
    def weight_bytes(self) -> float:
        """Of one weight, on average."""
        served = self.in_llama_cpp
        if served is None:
            return BYTES_PER_PARAMETER[self.precision]
        return weight_bytes(self.model, served) / self.model.parameters

    @property
    def cache_bytes(self) -> float:
        """Of one key or value."""
        return self.weight_bytes if self.in_llama_cpp is None else CACHE_BYTES

    @property
    def dispatch(self) -> float:
        return dispatch_factor(self.instance)

    @cached_property
    def peak_flop_per_second(self) -> float | None:
        """Of all its devices; None where the hardware has no rate in this precision."""
        served = self.in_llama_cpp
        if served is not None:
            peak = flop_per_second(self.instance, "float32")
            return None if peak is None else peak * CPU_SPEEDS[served]
        peak = flop_per_second(self.instance, self.precision)
        return None if peak is None else peak * self.devices

    def flop_per_second(self, share: float) -> float | None:
        """Reached in matrix products that reach a share of the peak when they are wide."""
        peak = self.peak_flop_per_second
        return None if peak is None else peak * share * self._width

    @property
    def elementwise_seconds(self) -> float:
        """Other work of a forward pass, per token, layer and hidden unit."""
        return self.efficiency.elementwise_flop / 3 / (self.peak_flop_per_second or 1.0)

    @property
    def bytes_per_second(self) -> float | None:
        """Reached from memory."""
        peak = bytes_per_second(self.instance)
        if peak is not None and self.in_llama_cpp and self.instance.measured:
            peak *= READ_OVER_COPY
        return None if peak is None else peak * self.devices * self.efficiency.bandwidth

    def slots(self, context_tokens: float) -> float:
        """Sequences decoded at once; below 1 where the model does not fit."""
        memory = self.instance.device_memory_gib * self.devices * (1 - HEADROOM) * GIB
        served = self.in_llama_cpp
        if served is not None:
            left = memory - fixed_bytes(self.model, served, self.slot_tokens)
            # It takes the memory of every slot when it starts, however short requests are.
            free = floor(left / slot_bytes(self.model, self.slot_tokens))
            return float(min(self.efficiency.slots, free))
        size = BYTES_PER_PARAMETER[self.precision]
        # More devices than key-value heads: each head's cache lies on several.
        copies = max(1.0, self.devices / self.model.kv_heads)
        per_sequence = self.model.kv_values(context_tokens) * size * copies
        free = floor((memory - self.model.parameters * size) / per_sequence)
        return float(min(self.job_batch or self.efficiency.slots, free))

    @property
    def forward_seconds(self) -> float:
        """Dispatch of one forward pass."""
        known = self.efficiency
        layer, step = known.layer_seconds, known.step_seconds
        if self.devices > 1:
            layer += _ALL_REDUCES_PER_LAYER * ALL_REDUCE_SECONDS
        return (step + self.model.layers * layer) * self.dispatch

    @property
    def link_seconds(self) -> float:
        """Traffic between its devices, per token that passes through it."""
        if self.devices == 1:
            return 0.0
        # Ring: each device sends its part of a sum, and then its sum.
        sent = 2 * (1 - 1 / self.devices) * self.model.hidden_size
        sent *= BYTES_PER_PARAMETER[self.precision] * self.model.layers * _ALL_REDUCES_PER_LAYER
        return sent / link_bytes_per_second(self.instance)

    @property
    def _width(self) -> float:
        return self.efficiency.at_width(self.model.hidden_size)


def cpu_precision(precision: ServedPrecision) -> CpuPrecision:
    """A precision that llama.cpp serves weights in."""
    if precision == "bfloat16" or precision == "fp8":
        raise ValueError(f"llama.cpp does not serve in {precision} here")
    return precision
