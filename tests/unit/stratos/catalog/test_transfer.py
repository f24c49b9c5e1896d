from __future__ import annotations

import pytest

from stratos.catalog.transfer import has_transfer_price, transfer_prices, transfer_usd_per_gb


@pytest.mark.parametrize(
    ("source", "target", "usd"),
    [
        ("us-east-1", "us-east-1", 0.0),
        ("us-east-1", "us-east-2", 0.01),
        ("us-east-1", "eu-west-1", 0.02),
        ("sa-east-1", "us-east-1", 0.138),
    ],
)
def test_bytes_are_charged_by_the_region_that_they_leave(
    source: str, target: str, usd: float
) -> None:
    assert transfer_usd_per_gb(source, target) == usd


def test_a_region_without_a_price_is_charged_the_dearest() -> None:
    assert not has_transfer_price("il-central-1")
    dearest = max(price.usd_per_gb for price in transfer_prices())
    assert transfer_usd_per_gb("il-central-1", "us-east-1") == dearest


def test_every_region_with_a_price_has_one_for_any_target() -> None:
    sources = {price.source_region for price in transfer_prices()}
    assert {p.source_region for p in transfer_prices() if p.target_region is None} == sources
