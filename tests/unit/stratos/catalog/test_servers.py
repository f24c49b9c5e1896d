"""Instance types on offer, and which of their prices counts."""

from __future__ import annotations

import pytest

from stratos.catalog.local import Rates, local_server
from stratos.catalog.servers import ServerCatalog


def test_local_servers_join_a_catalog_by_name() -> None:
    rates = Rates(flop_per_second=1e11, bytes_per_second=2e10, operations_per_second=3e6)
    faster = Rates(flop_per_second=2e11, bytes_per_second=2e10, operations_per_second=3e6)
    aws = ServerCatalog.aws()
    joined = aws.with_types(local_server(1, rates)).with_types(local_server(1, faster))
    assert len(joined.instance_types) == len(aws.instance_types) + 1
    assert joined["ml.local.cpu1"].tflops_32bit == 0.2


AWS = ServerCatalog.aws()


def test_an_h100_has_80_gib_and_p5_48xlarge_has_eight_of_them() -> None:
    row = AWS["ml.p5.48xlarge"]
    assert (row.accelerator, row.num_accelerators) == ("H100-SXM", 8)
    assert row.accelerator_memory_gib == 80
    assert row.tflops_16bit == 989
    assert row.memory_bandwidth_gb_per_s == 3350


@pytest.mark.parametrize(
    ("instance_type", "accelerator", "count", "gib"),
    [
        ("ml.g5.xlarge", "A10G", 1, 22.35),
        ("ml.g6.xlarge", "L4", 1, 22.35),
        ("ml.g6e.12xlarge", "L40S", 4, 44.7),
        ("ml.p4d.24xlarge", "A100-40GB", 8, 40),
        ("ml.p4de.24xlarge", "A100-80GB", 8, 80),
        ("ml.g4dn.xlarge", "T4", 1, 16),
        ("ml.inf2.48xlarge", "Inferentia2", 12, 32),
    ],
)
def test_accelerators_are_those_the_instances_have(
    instance_type: str, accelerator: str, count: int, gib: float
) -> None:
    row = AWS[instance_type]
    assert (row.accelerator, row.num_accelerators) == (accelerator, count)
    assert row.accelerator_memory_gib == pytest.approx(gib, abs=0.01)


def test_turing_and_volta_do_not_multiply_bfloat16() -> None:
    assert not AWS["ml.g4dn.xlarge"].bfloat16
    assert not AWS["ml.p3dn.24xlarge"].bfloat16
    assert AWS["ml.g5.xlarge"].bfloat16


def test_inferentia_hosts_and_does_not_train() -> None:
    row = AWS["ml.inf2.xlarge"]
    assert (row.training, row.hosting, row.runtime) == (False, True, "neuron")


def test_an_observed_price_beats_a_derived_one() -> None:
    price = AWS["ml.c7i.xlarge"].price("us-east-1", "hosting")
    assert price is not None
    assert (price.kind, price.usd_per_hour) == ("observed", 0.214)


def test_a_missing_price_is_null_and_no_price_is_free() -> None:
    assert AWS["ml.g5.xlarge"].price("mars-north-1", "training") is None
    assert all(price.usd_per_hour > 0 for row in AWS.instance_types for price in row.prices)


def test_the_catalog_survives_its_own_json() -> None:
    assert ServerCatalog.model_validate_json(AWS.model_dump_json()) == AWS
