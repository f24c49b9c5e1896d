"""This machine as a catalog."""

from __future__ import annotations

from stratos.catalog.local import Rates, at_least, local_server, measure_local_servers
from stratos.catalog.servers import ServerCatalog


def test_this_machine_is_measured_and_more_threads_are_never_slower() -> None:
    catalog = measure_local_servers(2)
    names = [row.instance_type for row in catalog.instance_types]
    assert names == ["ml.local.cpu1", "ml.local.cpu2"]
    one, two = catalog.instance_types
    assert 1e-3 < (one.tflops_32bit or 0) <= (two.tflops_32bit or 0)
    assert (one.memory_bandwidth_gb_per_s or 0) <= (two.memory_bandwidth_gb_per_s or 0)
    assert one.measured
    assert one.runtime == "cpu"


def test_threads_cost_what_as_many_vcpus_of_c7i_do_and_say_so() -> None:
    rates = Rates(flop_per_second=1e11, bytes_per_second=2e10, operations_per_second=3e6)
    c7i = ServerCatalog.aws()["ml.c7i.xlarge"].price("us-east-1", "hosting")
    found = local_server(2, rates).price("anywhere-1", "hosting")
    assert c7i is not None
    assert found is not None
    assert found.usd_per_hour == round(c7i.usd_per_hour / 2, 6)
    assert found.kind == "notional"
    assert "this machine is free" in found.source


def test_what_other_processes_took_away_is_not_the_machines_rate() -> None:
    one = Rates(flop_per_second=100, bytes_per_second=50, operations_per_second=9)
    two = Rates(flop_per_second=30, bytes_per_second=70, operations_per_second=8)
    assert at_least(two, one) == Rates(
        flop_per_second=100, bytes_per_second=70, operations_per_second=9
    )
    assert at_least(two, None) == two
