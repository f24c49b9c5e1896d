"""Whether the kernel has ended a process of this container for want of memory.

A process that was ended by SIGKILL cannot say why, and its exit code is that of any other kill.
The kernel counts in the control group; https://docs.kernel.org/admin-guide/cgroup-v2.html
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

_COUNTS = (
    Path("/sys/fs/cgroup/memory.events"),
    Path("/sys/fs/cgroup/memory/memory.oom_control"),
)
"""Of version 2 and of version 1, as a container sees its own group."""


def num_memory_kills(files: Sequence[Path] = _COUNTS) -> int | None:
    """Return how many processes were ended so until now; None where that is not told."""
    for path in files:
        with suppress(OSError):
            for line in path.read_text(encoding="utf-8").splitlines():
                name, _, count = line.partition(" ")
                if name == "oom_kill" and count.strip().isdecimal():
                    return int(count)
    return None
