"""How many devices work together on each instance: decided here, stated by the plan's servers.

The training job starts `Server.devices` processes, and the endpoint's container gets
`Server.devices` and `Server.replicas`; neither decides anything itself.
"""

from __future__ import annotations

from math import ceil

from stratos.catalog.servers import InstanceType, Runtime
from stratos.planning.forecast.transformer import Transformer
from stratos.units import GIB

MICRO_TOKENS: dict[Runtime, int] = {"cpu": 1_024, "cuda": 16_384, "neuron": 16_384}
"""Tokens that go through a student together; on a CPU few enough to stay in its cache."""
_LARGE_ON_CPU = 50e6
_MICRO_TOKENS_OF_LARGE = 512
"""With 135 M parameters as fast on a CPU as twice as many, with half the activations."""
WEIGHTS_SHARE = 0.6
"""Of a device's memory that a replica's weights may take; the rest is for keys and values."""
LINK_SHARE = 0.4
"""Of the catalog's interconnect rate that collectives reach in one direction.

All-reduce on one p4d.24xlarge: 231 of 600 GB/s (NVIDIA/nccl#527); p5.48xlarge: 370 of 900
(NVIDIA/nccl#1442); eight cards on PCIe 5 x16: 28 of 64 (NVIDIA/nccl#1639).
"""
UNKNOWN_LINK_GB_PER_S = 16.0
"""PCIe 3 x16, if the catalog does not know how devices are connected; assumed."""


def training_counts(instance: InstanceType) -> tuple[int, ...]:
    """Numbers of processes that may train on one instance: powers of two, and all devices."""
    if instance.runtime != "cuda":
        return (1,)
    most = instance.num_devices
    powers = {1 << power for power in range(most.bit_length())}
    return tuple(sorted({count for count in powers if count <= most} | {most}))


def most_micro_tokens(runtime: Runtime, parameters: float) -> int:
    """Tokens that go through a student of this size together, at most."""
    if runtime == "cpu" and parameters >= _LARGE_ON_CPU:
        return _MICRO_TOKENS_OF_LARGE
    return MICRO_TOKENS[runtime]


def micro_tokens(
    runtime: Runtime, parameters: float, batch_tokens: int, longest: int, processes: int
) -> int:
    """Most tokens of one micro-batch: what the hardware takes, and a fair part of each step.

    A fair part is an even share plus one record, since records are not cut.

    Args:
        parameters: Of the student.
        longest: Tokens of the longest record.
    """
    most = most_micro_tokens(runtime, parameters)
    if processes == 1:
        return most
    return min(most, ceil(batch_tokens / processes) + longest)


def step_tokens(batch_tokens: float, sequence_tokens: float, processes: int) -> float:
    """Tokens of the busiest process in one optimizer step: half a record above an even share."""
    if processes == 1:
        return batch_tokens
    return max(sequence_tokens, batch_tokens / processes + sequence_tokens / 2)


def serving_layout(
    model: Transformer, bytes_per_value: float, instance: InstanceType
) -> tuple[int, int]:
    """Devices of one replica of an endpoint, and replicas on one instance.

    A model is split over as few devices as hold its weights, in powers of two that divide its
    heads; the other devices serve further replicas.
    """
    if instance.runtime != "cuda":
        return 1, 1
    room = WEIGHTS_SHARE * instance.device_memory_gib * GIB
    split, most = 1, instance.num_devices
    while model.parameters * bytes_per_value > room * split:
        if 2 * split > most or not model.splits_over(2 * split):
            break
        split *= 2
    return split, most // split


def link_bytes_per_second(instance: InstanceType) -> float:
    """What collectives between the devices of one instance reach, in one direction."""
    return LINK_SHARE * (instance.interconnect_gb_per_s or UNKNOWN_LINK_GB_PER_S) * 1e9
