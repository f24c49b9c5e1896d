"""The machine a job runs on: its threads and its memory."""

from __future__ import annotations

import ctypes
import os
import resource

import torch

from stratos.catalog.servers import Runtime
from stratos.units import GIB, MIB
from training.container.paths import SageMakerPaths

_PARAMETERS_PER_THREAD = 4_000_000
"""0.5 M parameters: 11 k tokens/s on one thread, 8 to 9 k on two, on an idle 2-core machine."""


def use_cpus(paths: SageMakerPaths) -> None:
    """Use a thread for each CPU that SageMaker reports, if it reports any."""
    if paths.num_cpus is not None:
        torch.set_num_threads(paths.num_cpus)


def limit_threads(num_parameters: int) -> None:
    """Train a small model on fewer threads: waiting at every layer costs more than they gain."""
    worthwhile = max(1, num_parameters // _PARAMETERS_PER_THREAD)
    torch.set_num_threads(min(torch.get_num_threads(), worthwhile))


def runtime() -> Runtime:
    """What models run on here."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def device_memory_gib() -> float:
    """Memory of the accelerator, where there is one; else this process's share of the host's."""
    if torch.cuda.is_available():
        return float(torch.cuda.get_device_properties().total_memory) / GIB
    size = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / GIB
    return size / int(os.environ.get("LOCAL_WORLD_SIZE", 1))


def peak_memory_mib() -> float:
    """Most memory held so far: of the accelerator, where there is one; else of this process."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / MIB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def give_back_memory() -> None:
    """Return to the system what glibc's heap keeps of freed memory; other heaps have no such call.

    It keeps all that lies below something still used, such as a teacher that is gone.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
