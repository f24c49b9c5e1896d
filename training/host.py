"""The machine a job runs on: its threads and its memory."""

from __future__ import annotations

import resource

import torch

from training.paths import SageMakerPaths


def use_cpus(paths: SageMakerPaths) -> None:
    """Use as many threads as the host has CPUs by SageMaker's account, if it gives one."""
    if paths.num_cpus is not None:
        torch.set_num_threads(paths.num_cpus)


def peak_memory_mib() -> float:
    """Of the accelerator where there is one; else of this process."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
