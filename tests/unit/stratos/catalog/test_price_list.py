"""Prices and quotas out of AWS responses in their documented shape."""

from __future__ import annotations

import json
from datetime import date

import pytest

from stratos.catalog.price_list import fetch_products, parse_product, with_prices
from stratos.catalog.servers import ServerCatalog
from tests.unit.stratos.catalog.pages import Pages


def product(
    usd: str = "1.4080000000", unit: str = "Hrs", terms: bool = True, **attributes: str
) -> str:
    known = {
        "regionCode": "us-east-1",
        "instanceName": "ml.g5.xlarge",
        "instanceType": "ml.g5.xlarge-Training",
        "component": "Training",
        "usagetype": "USE1-Train:ml.g5.xlarge",
        "servicecode": "AmazonSageMaker",
    } | attributes
    dimension = {"unit": unit, "pricePerUnit": {"USD": usd}, "beginRange": "0", "endRange": "Inf"}
    on_demand = {
        "SKU.JRTCKXETXF": {
            "effectiveDate": "2026-10-01T00:00:00Z",
            "priceDimensions": {"SKU.JRTCKXETXF.6YS6EN2CT7": dimension},
        }
    }
    return json.dumps(
        {
            "product": {"productFamily": "ML Instance", "attributes": known, "sku": "SKU"},
            "serviceCode": "AmazonSageMaker",
            "terms": {"OnDemand": on_demand} if terms else {},
            "version": "20261120",
            "publicationDate": "2026-11-20T21:00:00Z",
        }
    )


def test_a_training_price_is_read_with_its_date_and_usage_type() -> None:
    found = parse_product(product())
    assert found is not None
    instance_type, price = found
    assert instance_type == "ml.g5.xlarge"
    assert (price.component, price.usd_per_hour, price.kind) == ("training", 1.408, "api")
    assert price.as_of == date(2026, 11, 20)
    assert price.source == "AWS Price List, USE1-Train:ml.g5.xlarge"


def test_the_usage_type_stands_in_for_missing_attributes() -> None:
    text = json.loads(product(usagetype="APN1-Host:ml.g6.xlarge"))
    del text["product"]["attributes"]["component"]
    found = parse_product(json.dumps(text))
    assert found is not None
    assert (found[0], found[1].component) == ("ml.g6.xlarge", "hosting")


@pytest.mark.parametrize(
    "text",
    [
        product(component="studio-jupyterlab"),
        product(component="Processing"),
        product(usd="0.0000000000"),
        product(unit="GB-Mo"),
        product(terms=False),
    ],
)
def test_what_is_no_hourly_training_or_hosting_price_is_passed_over(text: str) -> None:
    assert parse_product(text) is None


def test_every_page_of_a_region_is_fetched() -> None:
    client = Pages("PriceList", [[product()], [product(component="Hosting")]])
    assert len(list(fetch_products(client, "eu-west-1"))) == 2
    filters = {f["Field"]: f["Value"] for f in client.requests[0]["Filters"]}
    assert filters == {"regionCode": "eu-west-1", "productFamily": "ML Instance"}


def test_a_fetched_price_replaces_the_last_fetched_and_beats_every_other_kind() -> None:
    aws = ServerCatalog.aws()
    before = aws["ml.g5.xlarge"].price("us-east-1", "training")
    once, taken = with_prices(aws, [product(usd="1.30"), product(instanceName="ml.x99.large")])
    twice, _ = with_prices(once, [product(usd="1.20")])
    after = twice["ml.g5.xlarge"].price("us-east-1", "training")
    assert before is not None
    assert after is not None
    assert taken == 1
    assert (before.kind, after.kind, after.usd_per_hour) == ("derived", "api", 1.2)
    kinds = [p.kind for p in twice["ml.g5.xlarge"].prices if p.kind == "api"]
    assert kinds == ["api"]
    assert twice.as_of == date(2026, 11, 20)
