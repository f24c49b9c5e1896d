"""The cheapest servers without accelerators."""

from __future__ import annotations

from lambdas.jobs.cpu_servers import cheapest_cpus
from stratos.catalog.servers import ServerCatalog


def test_cpus_come_cheapest_first_and_on_demand() -> None:
    servers = cheapest_cpus(ServerCatalog.aws(), "us-east-1")
    prices = [server.usd_per_hour for server in servers]
    assert len(servers) == 5
    assert prices == sorted(prices)
    catalog = ServerCatalog.aws()
    assert {catalog[server.instance_type].num_accelerators for server in servers} == {0}
    assert {(server.purchase, server.count) for server in servers} == {("on_demand", 1)}


def test_where_nothing_has_a_price_there_is_none() -> None:
    assert cheapest_cpus(ServerCatalog.aws(), "xx-nowhere-1") == ()
