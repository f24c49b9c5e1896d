"""A toy mode: instances that were paid for a year ahead, at half the price of an hour.

This file and a row are all that a new mode takes, unless it needs a new state or AWS call.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stratos.contracts.plan import Server
from stratos.hosting.deployment import Deployment
from stratos.hosting.modes.interface import Parts
from stratos.hosting.modes.on_endpoint import OnEndpoint, on_instances
from stratos.hosting.offer import Hosted, Offer

SHARE_OF_PRICE = 0.5


class Reserved(OnEndpoint):
    """Fits whoever has reserved instances; they are always there, so the fleet keeps its size."""

    name = "reserved"
    starts_cold = False

    def offer(self, hosted: Hosted) -> Offer:
        load = hosted.spec.load
        return Offer(
            self.name,
            share_of_hours=SHARE_OF_PRICE,
            requests_per_second=load.requests_per_second,
        )

    def told(self, server: Server) -> str:
        return f"{super().told(server)}, reserved"

    def hosts(self, described: Mapping[str, Any]) -> bool:
        """By what only such an endpoint has; the toy's cannot be told from real-time ones."""
        return False

    def deployment(self, parts: Parts) -> Deployment:
        return on_instances(parts, None)

    def billed_usd_per_hour(self, server: Server) -> float:
        return SHARE_OF_PRICE * server.usd_per_hour


MODE = Reserved()
