"""What our own jobs and endpoints reach on a device: efficiencies before anything was measured."""

from __future__ import annotations

from dataclasses import dataclass

from stratos.catalog.servers import InstanceType, Runtime
from stratos.plan import Precision

BYTES_PER_PARAMETER: dict[Precision, float] = {"float32": 4.0, "bfloat16": 2.0, "fp8": 1.0}


@dataclass(frozen=True)
class Efficiency:
    """Shares of a device's peak, and what is paid no matter how small the model.

    Attributes:
        training: Model FLOP/s utilisation of a training step, at large width.
        prefill: Share of peak FLOP/s when reading a prompt.
        bandwidth: Share of peak memory bandwidth when decoding.
        half_width: Hidden size at which matrix products reach half of these shares.
        elementwise_bytes: Memory traffic of a training step outside matrix products, in bytes per
            token, layer and hidden unit.
        logit_bytes: The same per token and vocabulary entry.
        layer_seconds: Dispatch of one layer in one forward pass.
        step_seconds: Dispatch of one forward pass beyond its layers, sampling included.
        sequence_seconds: Bookkeeping of one sequence in one decoding step.
        request_seconds: Of one request outside the model: HTTP, tokenizer, scheduling.
        relative_sd: Standard deviation of log(measured / predicted) before calibration.
    """

    training: float
    prefill: float
    bandwidth: float
    half_width: float
    elementwise_bytes: float
    logit_bytes: float
    layer_seconds: float
    step_seconds: float
    sequence_seconds: float
    request_seconds: float
    relative_sd: float

    def at_width(self, hidden_size: int) -> float:
        """Share of the large-width rate that matrices this narrow reach."""
        return hidden_size / (hidden_size + self.half_width)


EFFICIENCIES: dict[Runtime, Efficiency] = {
    # Training: 33-39% reported for 8B on H100 (torchtitan). Decoding in eager PyTorch is bound by
    # the host: about 0.7 ms a layer. Both are assumptions until runs have calibrated them.
    "cuda": Efficiency(
        training=0.36,
        prefill=0.5,
        bandwidth=0.6,
        half_width=256,
        elementwise_bytes=0.0,
        logit_bytes=0.0,
        layer_seconds=7e-4,
        step_seconds=2e-3,
        sequence_seconds=2e-5,
        request_seconds=1.5e-2,
        relative_sd=0.45,
    ),
    "cpu": Efficiency(
        training=0.65,
        prefill=0.65,
        bandwidth=0.7,
        half_width=24,
        elementwise_bytes=150.0,
        logit_bytes=24.0,
        layer_seconds=4e-4,
        step_seconds=6e-4,
        sequence_seconds=4e-5,
        request_seconds=6e-3,
        relative_sd=0.35,
    ),
}
DATASHEET_CPU_SHARE = 0.6
"""Of a CPU's computed peak that a large matrix product reaches; measured servers need no such."""

REFERENCE_DISPATCH_US = 0.29
"""`InstanceType.dispatch_us` of the machine the CPU figures above were fitted on."""


@dataclass(frozen=True)
class Reach:
    """How many devices our code makes use of.

    One process on one device today: more would be paid for and stand idle, so that instances with
    several lose on cost by themselves.
    """

    training_devices: int = 1
    training_instances: int = 1
    serving_devices: int = 1
    slots: int = 32
    """Sequences an endpoint decodes at once (`serving.engine`)."""
    job_batch: int = 128
    """Sequences a job generates at once (`JobConfig.batch_size`)."""


def flop_per_second(instance: InstanceType, precision: Precision) -> float | None:
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
    """How much slower this machine's single thread is than the one the figures were fitted on."""
    return 1.0 if instance.dispatch_us is None else instance.dispatch_us / REFERENCE_DISPATCH_US
