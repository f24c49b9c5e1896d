"""Rates of every offer for one model: peaks × efficiencies × what calibration taught."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from stratos.catalog.servers import InstanceType
from stratos.plan import Method, Precision
from stratos.planning.calibration import Correction, correction
from stratos.planning.engine import (
    BYTES_PER_PARAMETER,
    EFFICIENCIES,
    Reach,
    bytes_per_second,
    dispatch_factor,
    flop_per_second,
)
from stratos.planning.memory import GIB, HEADROOM, fits, training_gib
from stratos.planning.offers import Offers
from stratos.planning.request import CalibrationRow
from stratos.planning.serving_cost import Load, ReplicaRates, engine_seconds
from stratos.planning.training_cost import TrainingRates, training_tokens_per_second
from stratos.planning.transformer import Transformer

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
_TINY = 1e-12
"""Stands for a rate that does not exist, where a mask says so."""


def serving_precision(instance: InstanceType, trained_in: Precision) -> Precision:
    """What the endpoint computes in: float32 on CPUs, whatever the weights were trained in."""
    return "float32" if instance.runtime == "cpu" else trained_in


@dataclass
class Types:
    """The distinct instance types behind some offers, and which offer is of which."""

    offers: Offers
    calibration: tuple[CalibrationRow, ...]
    instances: list[InstanceType] = field(init=False)
    index: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        position: dict[str, int] = {}
        self.instances = []
        index = []
        for row in self.offers.rows:
            name = row.instance.instance_type
            if name not in position:
                position[name] = len(self.instances)
                self.instances.append(row.instance)
            index.append(position[name])
        self.index = np.array(index, dtype=np.int64)

    def column(self, value: Callable[[InstanceType], float | None]) -> Floats:
        """One number per instance type (None as almost zero), spread over the offers."""
        per_type = [value(instance) for instance in self.instances]
        return np.array([_TINY if v is None else v for v in per_type], dtype=np.float64)[self.index]

    def mask(self, holds: Callable[[InstanceType], bool]) -> Mask:
        return np.array([holds(i) for i in self.instances], dtype=np.bool_)[self.index]

    def correction(
        self, instance: InstanceType, quantity: str, model: Transformer, expected: float = 1.0
    ) -> Correction:
        sd = EFFICIENCIES[instance.runtime].relative_sd
        name = instance.instance_type
        return correction(self.calibration, quantity, name, model.parameters, sd, expected)

    def corrections(self, quantity: str, model: Transformer) -> Floats:
        if not self.calibration:
            return np.ones(len(self.index))
        return self.column(lambda i: self.correction(i, quantity, model).factor)

    def informed(self, quantity: str, model: Transformer, expected: Floats) -> list[Correction]:
        """A correction per instance type, around what other quantities let one expect.

        Args:
            expected: Factor per offer; that of a type is its offers' median.
        """
        return [
            self.correction(
                instance, quantity, model, float(np.median(expected[self.index == position]))
            )
            for position, instance in enumerate(self.instances)
        ]


def replica_rates(
    types: Types,
    model: Transformer,
    precision: Precision,
    devices: int,
    context_tokens: float,
    *,
    job_batch: int | None = None,
) -> tuple[ReplicaRates, Mask]:
    """Rates of decoding on each offer, and which offers can hold the model at all.

    Args:
        devices: Accelerators the engine spreads one replica over.
        job_batch: Sequences a job decodes at once, memory permitting; None for an endpoint. A job
            computes in the precision it is told, an endpoint in what suits its hardware.
    """

    def used(instance: InstanceType) -> Precision:
        return serving_precision(instance, precision) if job_batch is None else precision

    def spread(instance: InstanceType) -> int:
        return min(devices, instance.num_devices)

    def free_slots(instance: InstanceType) -> float:
        size = BYTES_PER_PARAMETER[used(instance)]
        memory = instance.device_memory_gib * spread(instance) * (1 - HEADROOM) * GIB
        per_sequence = context_tokens * model.kv_values_per_token * size
        slots = job_batch or EFFICIENCIES[instance.runtime].slots
        return float(min(slots, np.floor((memory - model.parameters * size) / per_sequence)))

    def peak(instance: InstanceType) -> float | None:
        found = flop_per_second(instance, used(instance))
        return None if found is None else found * spread(instance)

    def reached(instance: InstanceType, share: float) -> float | None:
        found = peak(instance)
        width = EFFICIENCIES[instance.runtime].at_width(model.hidden_size)
        return None if found is None else found * share * width

    def bandwidth(instance: InstanceType) -> float | None:
        found = bytes_per_second(instance)
        share = EFFICIENCIES[instance.runtime].bandwidth
        return None if found is None else found * spread(instance) * share

    def forward(instance: InstanceType) -> float:
        efficiency = EFFICIENCIES[instance.runtime]
        if job_batch is None:
            layer, step = efficiency.served_layer_seconds, efficiency.served_step_seconds
        else:
            layer, step = efficiency.layer_seconds, efficiency.step_seconds
        return (step + model.layers * layer) * dispatch_factor(instance)

    possible = types.mask(lambda i: peak(i) is not None and free_slots(i) >= 1)
    rates = ReplicaRates(
        prefill_flop_per_second=types.column(lambda i: reached(i, EFFICIENCIES[i.runtime].prefill)),
        decode_flop_per_second=types.column(lambda i: reached(i, EFFICIENCIES[i.runtime].decode)),
        elementwise_seconds=types.column(
            lambda i: EFFICIENCIES[i.runtime].elementwise_flop / 3 / (peak(i) or 1.0)
        ),
        bytes_per_second=types.column(bandwidth),
        overlap=types.column(lambda i: EFFICIENCIES[i.runtime].overlap),
        forward_seconds=types.column(forward),
        sequence_seconds=types.column(
            lambda i: EFFICIENCIES[i.runtime].sequence_seconds * dispatch_factor(i)
        ),
        request_seconds=types.column(
            lambda i: EFFICIENCIES[i.runtime].request_seconds * dispatch_factor(i)
        ),
        slots=np.maximum(types.column(free_slots), 1.0),
    )
    return rates, possible


def corrected(types: Types, model: Transformer, rates: ReplicaRates) -> ReplicaRates:
    """The rates as finished runs have measured prefill and decoding."""
    return replace(
        rates,
        prefill_factor=types.corrections("prefill_tokens_per_second", model),
        decode_factor=types.corrections("decode_tokens_per_second", model),
    )


def value_bytes(types: Types, precision: Precision) -> Floats:
    """Bytes of one weight on each offer's endpoint."""
    return types.column(lambda i: BYTES_PER_PARAMETER[serving_precision(i, precision)])


def generation_seconds(
    types: Types, model: Transformer, precision: Precision, load: Load, reach: Reach
) -> tuple[Floats, Mask]:
    """Seconds of one completion inside a job that generates many at once."""
    rates, possible = replica_rates(
        types, model, precision, 1, load.context_tokens, job_batch=reach.job_batch
    )
    size = BYTES_PER_PARAMETER[precision]
    rates = corrected(types, model, rates)
    return engine_seconds(model, load, rates.slots, size, rates), possible


def step_rate(
    types: Types,
    model: Transformer,
    method: Method,
    precision: Precision,
    sequence_tokens: float,
    batch_tokens: float,
    lora_rank: int,
    reach: Reach,
) -> tuple[Floats, Mask]:
    """Training tokens per second on each offer, and which offers hold the training state."""
    need = training_gib(model, method, BYTES_PER_PARAMETER[precision], sequence_tokens, lora_rank)

    def devices(instance: InstanceType) -> int:
        return min(reach.training_devices, instance.num_devices)

    def peak(instance: InstanceType) -> float | None:
        found = flop_per_second(instance, precision)
        return None if found is None else found * devices(instance)

    def share(instance: InstanceType) -> float:
        efficiency = EFFICIENCIES[instance.runtime]
        return efficiency.training * efficiency.at_width(model.hidden_size)

    def step(instance: InstanceType) -> float:
        efficiency = EFFICIENCIES[instance.runtime]
        forward = efficiency.step_seconds + model.layers * efficiency.layer_seconds
        return 3 * forward * dispatch_factor(instance)  # backward dispatches about twice as much

    rates = TrainingRates(
        flop_per_second=types.column(peak) * types.offers.counts,
        matrices=types.column(share),
        attention=types.column(lambda i: EFFICIENCIES[i.runtime].attention),
        elementwise_flop=types.column(lambda i: EFFICIENCIES[i.runtime].elementwise_flop),
        step_seconds=types.column(step),
    )
    tokens = training_tokens_per_second(model, method, sequence_tokens, batch_tokens, rates)
    possible = types.mask(
        lambda i: peak(i) is not None and fits(need, i.device_memory_gib * devices(i))
    )
    return tokens * types.corrections("training_tokens_per_second", model), possible
