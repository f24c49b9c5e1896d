"""Rates of every server for one model: peaks × efficiencies × what calibration taught."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from stratos.catalog.servers import InstanceType
from stratos.contracts.calibration import CalibrationRow
from stratos.contracts.plan import Precision
from stratos.planning.arrays import Floats, Integers, Mask
from stratos.planning.forecast.calibration import Correction, correction
from stratos.planning.forecast.devices import link_bytes_per_second, serving_layout
from stratos.planning.forecast.engine import (
    ALL_REDUCE_SECONDS,
    BYTES_PER_PARAMETER,
    EFFICIENCIES,
    JOB_BATCH,
    bytes_per_second,
    dispatch_factor,
    flop_per_second,
)
from stratos.planning.forecast.memory import GIB, HEADROOM
from stratos.planning.forecast.server_table import ServerTable
from stratos.planning.forecast.serving_cost import ReplicaRates, RequestShape, engine_seconds
from stratos.planning.forecast.transformer import Transformer

NO_RATE = 1e-12
"""In place of a rate that does not exist; a mask says where."""
_ALL_REDUCES_PER_LAYER = 2
"""After attention and after the feed-forward block (Megatron-LM, arXiv 1909.08053, section 3)."""


def serving_precision(instance: InstanceType, trained_in: Precision) -> Precision:
    """What the endpoint computes in: float32 on CPUs, whatever the weights were trained in."""
    return "float32" if instance.runtime == "cpu" else trained_in


@dataclass
class Types:
    """The distinct instance types behind some servers, and which server is of which."""

    servers: ServerTable
    calibration: tuple[CalibrationRow, ...]
    instances: list[InstanceType] = field(init=False)
    index: Integers = field(init=False)
    _layouts: dict[tuple[Transformer, Precision], list[tuple[int, int]]] = field(
        init=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        position: dict[str, int] = {}
        self.instances = []
        index = []
        for row in self.servers.rows:
            name = row.instance.instance_type
            if name not in position:
                position[name] = len(self.instances)
                self.instances.append(row.instance)
            index.append(position[name])
        self.index = np.array(index, dtype=np.int64)

    def column(self, value: Callable[[InstanceType], float | None]) -> Floats:
        """One number per instance type (None as almost zero), spread over the servers."""
        found = (value(instance) for instance in self.instances)
        per_type = [NO_RATE if each is None else each for each in found]
        return np.array(per_type, dtype=np.float64)[self.index]

    def mask(self, holds: Callable[[InstanceType], bool]) -> Mask:
        return np.array([holds(i) for i in self.instances], dtype=np.bool_)[self.index]

    def layouts(self, model: Transformer, precision: Precision) -> list[tuple[int, int]]:
        """Devices of a replica, and replicas, on one endpoint instance of each type."""
        key = (model, precision)
        if key not in self._layouts:
            self._layouts[key] = [
                serving_layout(model, BYTES_PER_PARAMETER[serving_precision(row, precision)], row)
                for row in self.instances
            ]
        return self._layouts[key]

    def correction(
        self,
        instance: InstanceType,
        quantity: str,
        model: Transformer,
        num_devices: int,
        expected: float = 1.0,
    ) -> Correction:
        sd = EFFICIENCIES[instance.runtime].relative_sd
        name = instance.instance_type
        return correction(
            self.calibration, quantity, name, model.parameters, sd, expected, num_devices
        )

    def corrections(
        self, quantity: str, model: Transformer, devices: Sequence[int] | None = None
    ) -> Floats:
        """A factor per server.

        Args:
            devices: That work together on each instance type; one by default.
        """
        if not self.calibration:
            return np.ones(len(self.index))
        per_type = [
            self.correction(instance, quantity, model, count).factor
            for instance, count in zip(
                self.instances, devices or [1] * len(self.instances), strict=True
            )
        ]
        return np.array(per_type, dtype=np.float64)[self.index]

    def informed(
        self, quantity: str, model: Transformer, devices: Sequence[int], expected: Floats
    ) -> list[Correction]:
        """A correction per instance type, around what other quantities let one expect.

        Args:
            devices: That work together on each instance type.
            expected: Factor per server; that of a type is its servers' median.
        """
        return [
            self.correction(
                instance, quantity, model, count, float(np.median(expected[self.index == position]))
            )
            for position, (instance, count) in enumerate(zip(self.instances, devices, strict=True))
        ]


def replica_rates(
    types: Types,
    model: Transformer,
    precision: Precision,
    context_tokens: float,
    *,
    job_batch: int | None = None,
) -> tuple[ReplicaRates, Mask]:
    """Rates of decoding on each server, and which servers can hold the model at all.

    Args:
        job_batch: Sequences a job decodes at once, memory permitting; None for an endpoint. A job
            computes on one device and in the precision it is told, an endpoint on all devices and
            in the precision that suits its hardware.
    """
    layouts = [(1, 1)] * len(types.instances)
    if job_batch is None:
        layouts = types.layouts(model, precision)
    splits = {
        row.instance_type: split for row, (split, _) in zip(types.instances, layouts, strict=True)
    }

    def used(instance: InstanceType) -> Precision:
        return serving_precision(instance, precision) if job_batch is None else precision

    def spread(instance: InstanceType) -> int:
        return splits[instance.instance_type]

    def free_slots(instance: InstanceType) -> float:
        size = BYTES_PER_PARAMETER[used(instance)]
        memory = instance.device_memory_gib * spread(instance) * (1 - HEADROOM) * GIB
        # More devices than key-value heads: each head's cache lies on several.
        copies = max(1.0, spread(instance) / model.kv_heads)
        per_sequence = context_tokens * model.kv_values_per_token * size * copies
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
        if spread(instance) > 1:
            layer += _ALL_REDUCES_PER_LAYER * ALL_REDUCE_SECONDS
        return (step + model.layers * layer) * dispatch_factor(instance)

    def link(instance: InstanceType) -> float:
        if spread(instance) == 1:
            return 0.0
        # Ring: each device sends its part of a sum, and then its sum.
        sent = 2 * (1 - 1 / spread(instance)) * model.hidden_size
        sent *= BYTES_PER_PARAMETER[used(instance)] * model.layers * _ALL_REDUCES_PER_LAYER
        return sent / link_bytes_per_second(instance)

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
        link_seconds=types.column(link),
        devices=np.array([split for split, _ in layouts], dtype=np.float64)[types.index],
        replicas=np.array([replicas for _, replicas in layouts], dtype=np.float64)[types.index],
    )
    return rates, possible


def corrected(
    types: Types, model: Transformer, rates: ReplicaRates, devices: Sequence[int] | None = None
) -> ReplicaRates:
    """The rates as finished runs have measured prefill and decoding.

    Args:
        devices: Of one replica on each instance type; one by default.
    """
    return replace(
        rates,
        prefill_factor=types.corrections("prefill_tokens_per_second", model, devices),
        decode_factor=types.corrections("decode_tokens_per_second", model, devices),
    )


def value_bytes(types: Types, precision: Precision) -> Floats:
    """Bytes of one weight on each server's endpoint."""
    return types.column(lambda i: BYTES_PER_PARAMETER[serving_precision(i, precision)])


def generation_seconds(
    types: Types, model: Transformer, precision: Precision, shape: RequestShape
) -> tuple[Floats, Mask]:
    """Seconds of one completion inside a job that generates many at once, on one device."""
    rates, possible = replica_rates(
        types, model, precision, shape.context_tokens, job_batch=JOB_BATCH
    )
    size = BYTES_PER_PARAMETER[precision]
    rates = corrected(types, model, rates)
    return engine_seconds(model, shape, rates.slots, size, rates), possible
