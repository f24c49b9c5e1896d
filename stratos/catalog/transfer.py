"""What AWS charges for bytes that go from one region to another."""

from __future__ import annotations

from datetime import date
from functools import cache

from pydantic import NonNegativeFloat

from stratos.catalog.shipped import shipped_rows
from stratos.frozen import FrozenModel


class TransferPrice(FrozenModel):
    """Of a region's outgoing bytes. Incoming ones are free."""

    source_region: str
    target_region: str | None = None
    """None: any other region of AWS."""
    usd_per_gb: NonNegativeFloat
    as_of: date
    source: str


@cache
def transfer_prices() -> tuple[TransferPrice, ...]:
    """The shipped prices; sources in `data/README.md`."""
    return tuple(TransferPrice.model_validate(row) for row in shipped_rows("transfer_prices.csv"))


@cache
def transfer_usd_per_gb(source_region: str, target_region: str) -> float:
    """The price of a way; nothing within a region.

    A region without a price is charged the dearest one, so that no plan looks cheaper than it is.
    """
    if source_region == target_region:
        return 0.0
    found = {p.target_region: p for p in transfer_prices() if p.source_region == source_region}
    if not found:
        return max(price.usd_per_gb for price in transfer_prices())
    return found.get(target_region, found[None]).usd_per_gb


def has_transfer_price(source_region: str) -> bool:
    """Whether a price is known, not only bounded."""
    return any(price.source_region == source_region for price in transfer_prices())
