"""Rates of every server for one model: peaks × efficiencies × calibration."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from math import ceil

import numpy as np

from stratos.catalog.servers import InstanceType
from stratos.contracts.calibration import CalibrationRow
from stratos.contracts.jobs import JOB_BATCH
from stratos.contracts.plan import Precision, ServedPrecision
from stratos.planning.arrays import Floats, Integers, Mask
from stratos.planning.forecast.calibration import Correction, correction
from stratos.planning.forecast.devices import serving_layout
from stratos.planning.forecast.engine import (
    BYTES_PER_PARAMETER,
    EFFICIENCIES,
)
from stratos.planning.forecast.replica import Replica
from stratos.planning.forecast.server_table import ServerTable
from stratos.planning.forecast.serving_cost import ReplicaRates, RequestShape, engine_seconds
from stratos.planning.forecast.transformer import Transformer
from stratos.spec import CpuPrecision

NO_RATE = 1e-12
"""In place of a rate that does not exist; a mask says where."""


@dataclass(frozen=True)
class Serving:
    """How a student is served, whatever the server.

    Attributes:
        trained_in: What vLLM serves it in, on GPUs.
        on_cpus: What llama.cpp serves it in.
        slot_tokens: Context of one request.
    """

    trained_in: Precision
    on_cpus: CpuPrecision
    slot_tokens: int

    def precision(self, instance: InstanceType) -> ServedPrecision:
        return self.on_cpus if instance.runtime == "cpu" else self.trained_in


@dataclass
class Types:
    """The distinct instance types of some servers, and the type of each server."""

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

    def spread(self, per_type: Iterable[float | None]) -> Floats:
        """One number per instance type (None as almost zero), given to each of its servers."""
        values = [NO_RATE if value is None else value for value in per_type]
        return np.array(values, dtype=np.float64)[self.index]

    def column(self, value: Callable[[InstanceType], float | None]) -> Floats:
        """A number of each server's instance type."""
        return self.spread(value(instance) for instance in self.instances)

    def layouts(self, model: Transformer, precision: Precision) -> list[tuple[int, int]]:
        """Devices of a replica, and replicas, on one endpoint instance of each type."""
        key = (model, precision)
        if key not in self._layouts:
            self._layouts[key] = [
                serving_layout(model, BYTES_PER_PARAMETER[precision], row) for row in self.instances
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
        """A correction per instance type, around the value to expect from other quantities.

        Args:
            devices: That work together on each instance type.
            expected: Factor per server; that of a type is its servers' median.
        """
        counted = zip(self.instances, devices, strict=True)
        if not self.calibration:
            return [
                self.correction(instance, quantity, model, count) for instance, count in counted
            ]
        return [
            self.correction(
                instance, quantity, model, count, float(np.median(expected[self.index == position]))
            )
            for position, (instance, count) in enumerate(counted)
        ]


def replica_rates(
    types: Types,
    model: Transformer,
    serving: Serving,
    context_tokens: float,
    *,
    job_batch: int | None = None,
) -> tuple[ReplicaRates, Mask]:
    """Decoding rates on each server, and which servers can hold the model at all.

    Args:
        job_batch: Sequences a job decodes at once, memory permitting; None for an endpoint. A job
            computes on one device in the precision of training, an endpoint on all devices in the
            precision that suits its hardware.
        context_tokens: Mean length of a request, with its answer.
    """
    is_job = job_batch is not None
    trained_in = serving.trained_in
    layouts = [(1, 1)] * len(types.instances) if is_job else types.layouts(model, trained_in)
    replicas = [
        Replica(
            model,
            instance,
            trained_in if is_job else serving.precision(instance),
            serving.slot_tokens,
            devices,
            job_batch,
        )
        for instance, (devices, _) in zip(types.instances, layouts, strict=True)
    ]
    slots = [replica.slots(context_tokens) for replica in replicas]
    column = types.spread
    possible = [
        replica.peak_flop_per_second is not None and free >= 1
        for replica, free in zip(replicas, slots, strict=True)
    ]
    rates = ReplicaRates(
        prefill_flop_per_second=column(r.flop_per_second(r.efficiency.prefill) for r in replicas),
        decode_flop_per_second=column(r.flop_per_second(r.efficiency.decode) for r in replicas),
        elementwise_seconds=column(r.elementwise_seconds for r in replicas),
        bytes_per_second=column(r.bytes_per_second for r in replicas),
        overlap=column(r.efficiency.overlap for r in replicas),
        forward_seconds=column(r.forward_seconds for r in replicas),
        sequence_seconds=column(r.efficiency.sequence_seconds * r.dispatch for r in replicas),
        request_seconds=column(r.efficiency.request_seconds * r.dispatch for r in replicas),
        slots=np.maximum(column(slots), 1.0),
        weight_bytes=column(r.weight_bytes for r in replicas),
        cache_bytes=column(r.cache_bytes for r in replicas),
        link_seconds=column(r.link_seconds for r in replicas),
        devices=column(float(devices) for devices, _ in layouts),
        replicas=column(float(count) for _, count in layouts),
    )
    return rates, np.array(possible, dtype=np.bool_)[types.index]


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


def generation_seconds(
    types: Types, model: Transformer, precision: Precision, shape: RequestShape
) -> tuple[Floats, Mask]:
    """Seconds of one completion inside a job that generates many at once, on one device."""
    asked = Serving(precision, "float32", ceil(shape.context_tokens))
    rates, possible = replica_rates(types, model, asked, shape.context_tokens, job_batch=JOB_BATCH)
    rates = corrected(types, model, rates)
    return engine_seconds(model, shape, rates.slots, rates), possible
