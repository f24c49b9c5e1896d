"""Instances for a fleet: of each variant, the first kind that is free, or a wait for one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.local.host.capacity import Capacity
from infra.local.sagemaker.endpoint_configs import InstanceOffer
from stratos.waiting import every, wait_until, within

NO_CAPACITY = (
    "Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error."
)
"""As SageMaker says it, https://github.com/aws/deep-learning-containers/pull/6673."""
_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Provisioned:
    """What each variant got, in the order of the configuration."""

    offers: Sequence[InstanceOffer]

    @property
    def variants(self) -> list[Mapping[str, Any]]:
        return [offer.variant for offer in self.offers]

    @property
    def containers(self) -> dict[str, Mapping[str, Any]]:
        return {offer.variant["VariantName"]: offer.container for offer in self.offers}

    @property
    def types(self) -> dict[str, str | None]:
        """Instance type by variant; None where SageMaker names none."""
        return {v["VariantName"]: v.get("InstanceType") for v in self.variants}


def provision(
    offers: Mapping[str, Sequence[InstanceOffer]],
    capacity: Capacity,
    scale: float,
    given_up: Callable[[], bool],
) -> Provisioned | None:
    """Take what is free, and wait for it as long as the variants say; None if it does not come.

    A variant without a timeout does not wait; `scale` shortens the others' waits.
    """

    def found() -> Provisioned | None:
        taken = [_first_free(several, capacity) for several in offers.values()]
        there = [offer for offer in taken if offer is not None]
        return Provisioned(there) if len(there) == len(taken) else None

    seconds = max(
        (
            int(offer.variant.get("VariantInstanceProvisionTimeoutInSeconds") or 0)
            for several in offers.values()
            for offer in several
        ),
        default=0,
    )
    return wait_until(
        found,
        lambda there: there is not None or given_up(),
        deadline=within(seconds * scale),
        pauses=every(_POLL_SECONDS),
    )


def _first_free(offers: Sequence[InstanceOffer], capacity: Capacity) -> InstanceOffer | None:
    for offer in offers:
        name = offer.variant.get("InstanceType")
        if name is None or capacity.has(name, "hosting"):
            return offer
    return None
