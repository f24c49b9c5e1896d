"""A job whose region was lost with all that ran there (`infra.local.host.network`)."""

from __future__ import annotations

import time
from collections.abc import Callable

from infra.local.host.network import RegionNetwork


class Loss:
    """Of one job: asked again and again while it runs, it lets the job be forgotten once."""

    def __init__(self, network: RegionNetwork, region: str, forget: Callable[[], object]) -> None:
        self._network = network
        self._region = region
        self._forget = forget
        self._began = time.time()
        self._noticed = False

    def occurred(self) -> bool:
        """Whether the region was lost since the job began."""
        if not self._noticed and self._network.lost_at(self._region) >= self._began:
            self._noticed = True
            self._forget()
        return self._noticed
