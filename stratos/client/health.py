"""Which regions failed a moment ago: they are asked last, until that is forgotten."""

from __future__ import annotations

import time
from collections.abc import Callable

REMEMBERED_SECONDS = 30.0


class Health:
    """Failures of the last seconds, by the name of what failed."""

    def __init__(
        self, now: Callable[[], float] = time.monotonic, seconds: float = REMEMBERED_SECONDS
    ) -> None:
        self._now, self._seconds = now, seconds
        self._failed_at: dict[str, float] = {}

    def failed(self, *names: str) -> None:
        self._failed_at |= dict.fromkeys(names, self._now())

    def answered(self, *names: str) -> None:
        for name in names:
            self._failed_at.pop(name, None)

    def is_well(self, *names: str) -> bool:
        """Whether none of these failed lately."""
        since = self._now() - self._seconds
        return all(self._failed_at.get(name, since) <= since for name in names)
