"""The disk of a training job: every model that it reads, its data, and every file it writes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from math import ceil

from stratos.catalog.model_card import ModelCard
from stratos.spec import Method
from stratos.units import GIB

LEAST_GIB = 50
_MOST_GIB = 16_384
"""Of one EBS volume."""
_READ_BYTES = 2.0
"""Of a parameter, as most are stored, and as a GGUF is written out."""
_CHECKPOINT_BYTES: dict[Method, float] = {"full": 2 * 16.0, "lora": 0.0}
"""Of a parameter: weights, best weights and two moments; an old one stays until the new is there.
An adapter's are few."""
_EXPORT_BYTES = 2 * (4.0 + 2.0 + 5.0)
"""Of a parameter: weights, an adapter's base, llama.cpp's in 32 and 8 bits; packed as well."""
_LOCAL_DISK = re.compile(r"^ml\.(?:g\d|p[4-9]|p3dn|trn|[cmr]\d\w*d)")


def has_own_disk(instance_type: str) -> bool:
    """Whether an instance type brings a disk; the others get an EBS volume."""
    return _LOCAL_DISK.match(instance_type) is not None


def volume_gib(instance_types: Iterable[str], ebs_gib: int) -> int:
    """What a job asks for, on servers of which none or all have a disk of their own.

    Those that have use that, and refuse to be asked for more than it has.

    Args:
        ebs_gib: What the job needs.
    """
    return LEAST_GIB if any(map(has_own_disk, instance_types)) else ebs_gib


def needed_gib(
    reads: Iterable[ModelCard],
    trains: ModelCard | None = None,
    method: Method = "lora",
    data_bytes: int = 0,
) -> int:
    """What a job needs, wherever it runs.

    Args:
        reads: Models from the spec's folder or the Hub; those without weights take no room.
        trains: The student that it trains by `method`, or reads as trained before.
        data_bytes: Of the dataset, and of what is made of it.
    """
    needed = sum(_read(card) for card in reads)
    if trains is not None:
        needed += (_CHECKPOINT_BYTES[method] + _EXPORT_BYTES) * (trains.num_parameters or 0)
    return min(_MOST_GIB, LEAST_GIB + ceil(needed / GIB) + data_bytes // GIB)


def _read(card: ModelCard) -> float:
    unpacked = _READ_BYTES * (card.num_parameters or 0)
    return unpacked + (card.num_bytes or unpacked)
