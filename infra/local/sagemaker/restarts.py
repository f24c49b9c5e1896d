"""How often a container that died in service is started again."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

MOST = 3
WINDOW_SECONDS = 600.0


class Restarts:
    """So many in a window of time, as SageMaker replaces what is unhealthy, and then no more."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._at: deque[float] = deque(maxlen=MOST)

    def take(self) -> bool:
        """Whether there may be one more now, which is counted then."""
        now = self._now()
        if len(self._at) == MOST and now - self._at[0] < WINDOW_SECONDS:
            return False
        self._at.append(now)
        return True
