"""The files that the catalog ships with."""

from __future__ import annotations

from stratos.catalog.models import bedrock_teachers, hub_models
from stratos.catalog.servers import ServerCatalog

AWS = ServerCatalog.aws()


def test_every_instance_price_and_model_has_a_source() -> None:
    assert all(row.source for row in AWS.instance_types)
    assert all(price.source for row in AWS.instance_types for price in row.prices)
    assert all(row.source for row in hub_models().values())
    assert all(row.source for row in bedrock_teachers().values())
