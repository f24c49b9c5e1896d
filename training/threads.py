"""How many threads the arithmetic uses."""

from __future__ import annotations

import torch

from training.paths import SageMakerPaths


def use_cpus(paths: SageMakerPaths) -> None:
    """Use as many threads as the host has CPUs by SageMaker's account, if it gives one."""
    if paths.num_cpus is not None:
        torch.set_num_threads(paths.num_cpus)
