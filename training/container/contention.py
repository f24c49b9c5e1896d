"""How much of the CPU time that this process asked for it got: a busy machine is no slow one.

On a slow machine a busy thread always runs; on a busy one it also waits in the kernel's queue.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

_THREADS = Path("/proc/self/task")
_LEAST_SECONDS = 1.0
"""Of wall time; less says nothing."""


def cpu_share_on(
    device: str, wall: Callable[[], float] = time.monotonic
) -> Callable[[], float | None]:
    """Count from now on; what is returned tells the share. None on GPUs: there it tells no pace."""
    if device != "cpu":
        return lambda: None
    counted = CpuShare(wall=wall)
    return lambda: counted.value


class CpuShare:
    """Counts from its making, over all threads of this process.

    Linux tells for each thread how long it ran and how long it waited to
    (https://docs.kernel.org/scheduler/sched-stats.html, /proc/<pid>/schedstat). Elsewhere the CPU
    time of the calling thread over wall time says the same of a thread that only computes.
    """

    def __init__(
        self,
        threads: Path = _THREADS,
        wall: Callable[[], float] = time.monotonic,
        own: Callable[[], float] = time.thread_time,
    ) -> None:
        self._threads, self._wall, self._own = threads, wall, own
        self._wall_before, self._own_before = wall(), own()
        self._before = self._scheduled()

    @property
    def value(self) -> float | None:
        """Of all CPU time that was asked for, what was got; None while little time has passed."""
        passed = self._wall() - self._wall_before
        if passed < _LEAST_SECONDS:
            return None
        ran, waited = 0, 0
        for thread, (ran_by_now, waited_by_now) in self._scheduled().items():
            before = self._before.get(thread, (0, 0))
            ran, waited = ran + ran_by_now - before[0], waited + waited_by_now - before[1]
        if ran > 0:
            return ran / (ran + waited)
        return min(1.0, (self._own() - self._own_before) / passed)

    def _scheduled(self) -> dict[str, tuple[int, int]]:
        """Nanoseconds that each thread ran and waited to run; empty where that is not told."""
        found = {}
        for path in self._threads.glob("*/schedstat"):
            try:
                ran, waited = path.read_text(encoding="ascii").split()[:2]
            except (OSError, ValueError):  # the thread has ended
                continue
            found[path.parent.name] = (int(ran), int(waited))
        return found
