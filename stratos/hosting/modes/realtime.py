"""Real-time endpoints: instances that are always there, billed every hour."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stratos.hosting.deployment import Deployment
from stratos.hosting.modes.interface import Parts
from stratos.hosting.modes.on_endpoint import OnEndpoint, on_instances
from stratos.hosting.names import VARIANT
from stratos.hosting.offer import Hosted, Offer
from stratos.hosting.scaling import fleet_scaling


class Realtime(OnEndpoint):
    """Fits everything. The fleet goes down to one instance where the traffic has lulls."""

    name = "realtime"
    starts_cold = False

    def offer(self, hosted: Hosted) -> Offer:
        return Offer(
            self.name,
            share_of_hours=1.0,
            requests_per_second=hosted.spec.load.requests_per_second,
        )

    def hosts(self, described: Mapping[str, Any]) -> bool:
        """Any endpoint that no other mode claims."""
        return True

    def deployment(self, parts: Parts) -> Deployment:
        order = parts.order
        scaling = fleet_scaling(order.spec, order.plan.serving, order.endpoint_name, VARIANT)
        return on_instances(parts, scaling, stand_ins=order.stand_ins)


MODE = Realtime()
