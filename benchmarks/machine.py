"""The machine that a measurement was made on, in words."""

from __future__ import annotations

import importlib.util
import os
import platform
from pathlib import Path


def describe_machine() -> str:
    """Return architecture, processor, CPUs and accelerators."""
    return f"{platform.machine()}, {_processor()}, {os.cpu_count()} CPUs, {_accelerators()}"


def _accelerators() -> str:
    if importlib.util.find_spec("torch") is None:
        return "GPUs unknown"
    import torch

    if not torch.cuda.is_available():
        return "no GPU"
    names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return f"{len(names)} × {names[0]}"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.system()
