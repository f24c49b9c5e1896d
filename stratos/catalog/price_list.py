"""Prices out of the AWS Price List: products of service code `AmazonSageMaker`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any, Protocol

from stratos.catalog.servers import Price, PricedUse, ServerCatalog

SERVICE_CODE = "AmazonSageMaker"
PRODUCT_FAMILY = "ML Instance"
API_REGION = "us-east-1"
"""One of the few regions where the Price List API answers."""
_COMPONENTS: dict[str, PricedUse] = {"training": "training", "hosting": "hosting"}
_USAGE = re.compile(r"(?:^|-)(Train|Host):(ml\.[\w.-]+)$")
_USAGE_COMPONENTS: dict[str, PricedUse] = {"Train": "training", "Host": "hosting"}


class PricingClient(Protocol):
    """boto3's `pricing` client, as far as it is used."""

    def get_products(self, **request: Any) -> Mapping[str, Any]: ...


def fetch_products(client: PricingClient, region: str) -> Iterator[str]:
    """Yield the JSON text of every ML instance product of a region, page by page."""
    request: dict[str, Any] = {
        "ServiceCode": SERVICE_CODE,
        "Filters": [
            {"Type": "TERM_MATCH", "Field": "regionCode", "Value": region},
            {"Type": "TERM_MATCH", "Field": "productFamily", "Value": PRODUCT_FAMILY},
        ],
    }
    while True:
        page = client.get_products(**request)
        yield from page["PriceList"]
        if not page.get("NextToken"):
            return
        request["NextToken"] = page["NextToken"]


def parse_product(text: str) -> tuple[str, Price] | None:
    """Read one product: its instance type and on-demand price.

    None for what is neither training nor hosting (Studio, processing, …), is not billed by the
    hour, or costs nothing (free tier).
    """
    product = json.loads(text)
    attributes = product["product"]["attributes"]
    found = _named(attributes)
    if found is None:
        return None
    instance_type, component = found
    for term in product.get("terms", {}).get("OnDemand", {}).values():
        for dimension in term.get("priceDimensions", {}).values():
            usd = float(dimension["pricePerUnit"].get("USD", 0))
            if dimension.get("unit", "Hrs") in ("Hrs", "Hours", "Hour") and usd > 0:
                as_of = product.get("publicationDate") or term["effectiveDate"]
                price = Price(
                    region=attributes["regionCode"],
                    component=component,
                    usd_per_hour=usd,
                    kind="api",
                    grade="A",
                    as_of=date.fromisoformat(as_of[:10]),
                    source=f"AWS Price List, {attributes.get('usagetype', SERVICE_CODE)}",
                )
                return instance_type, price
    return None


def _named(attributes: Mapping[str, str]) -> tuple[str, PricedUse] | None:
    """Instance type and component, by their attributes or else by the usage type."""
    component = _COMPONENTS.get(attributes.get("component", "").lower())
    name = attributes.get("instanceName", "")
    if component is not None and name.startswith("ml."):
        return name, component
    usage = _USAGE.search(attributes.get("usagetype", ""))
    if usage is not None and "component" not in attributes:
        return usage[2], _USAGE_COMPONENTS[usage[1]]
    return None


def with_prices(catalog: ServerCatalog, products: Iterable[str]) -> tuple[ServerCatalog, int]:
    """Put fetched prices in front of the catalog's own; return how many were taken.

    Prices of instance types whose hardware the catalog does not know are left out.
    """
    fetched: dict[str, list[Price]] = {}
    for text in products:
        if (found := parse_product(text)) is not None:
            fetched.setdefault(found[0], []).append(found[1])
    rows, taken = [], 0
    for row in catalog.instance_types:
        new = fetched.get(row.instance_type, [])
        replaced = {(price.region, price.component) for price in new}
        kept = [
            price
            for price in row.prices
            if price.kind != "api" or (price.region, price.component) not in replaced
        ]
        rows.append(row.model_copy(update={"prices": (*new, *kept)}))
        taken += len(new)
    newest = max((p.as_of for prices in fetched.values() for p in prices), default=catalog.as_of)
    return ServerCatalog(as_of=max(newest, catalog.as_of), instance_types=tuple(rows)), taken
