"""The NVIDIA driver of this server, and the libraries by which an image with a newer CUDA uses it.

AWS's images carry them in `/usr/local/cuda/compat`. Their entry point for SageMaker looks for them
in a shell of its own, whose environment the job does not get.
https://docs.nvidia.com/deploy/cuda-compatibility/forward-compatibility.html
"""

from __future__ import annotations

import re
from pathlib import Path

_DRIVER = Path("proc/driver/nvidia/version")
_LIBRARIES = Path("usr/local/cuda/compat")
_MODULE = re.compile(r"^NVRM version:.*Kernel Module(?: +for +\S+)? +(\d+(?:\.\d+)+)", re.MULTILINE)
"""Also `Open Kernel Module for x86_64  580.65.06`."""


def compat_libraries(root: Path = Path("/")) -> Path | None:
    """The folder of libraries for an older driver, where there is one and the driver is older.

    Args:
        root: The folder that stands for `/`.
    """
    library = root / _LIBRARIES / "libcuda.so.1"
    try:
        found = _MODULE.search((root / _DRIVER).read_text(encoding="utf-8"))
        newest = library.resolve(strict=True).name.removeprefix("libcuda.so.")
    except OSError:
        return None
    if found is None or not re.fullmatch(r"\d+(\.\d+)+", newest):
        return None
    return library.parent if _numbers(found[1]) < _numbers(newest) else None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
