"""The memory of the machine that models are read, asked and served on."""

from __future__ import annotations

import os
from pathlib import Path

_MEMORY_INFO = Path("/proc/meminfo")


def available_memory_bytes() -> float:
    """What programs can still take of it; all of it where that is not told."""
    told = _MEMORY_INFO.read_text(encoding="utf-8") if _MEMORY_INFO.exists() else ""
    for line in told.splitlines():
        if line.startswith("MemAvailable:"):
            return float(line.split()[1]) * 1024
    return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
