"""The benchmark beside SkyPilot: what both sides are given is the same."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from benchmarks.engines_front import TWIN, with_twins
from benchmarks.engines_optimizer import Problem
from benchmarks.engines_prices import ec2_prices, skypilot_rows
from benchmarks.engines_skypilot import write_catalog
from stratos.catalog.servers import ServerCatalog
from stratos.planning.forecast.start_up import job_start


@pytest.fixture(scope="module")
def catalog() -> ServerCatalog:
    return ServerCatalog.aws()


def test_the_ec2_prices_behind_ours_are_those_of_skypilots_catalog(catalog: ServerCatalog) -> None:
    ours = ec2_prices(catalog)
    theirs = {place: usd for place, (usd, _) in skypilot_rows().items()}
    assert {place: ours[place] for place in theirs} == pytest.approx(theirs, rel=1e-4)


def test_a_twin_differs_from_its_server_in_name_and_price_only(catalog: ServerCatalog) -> None:
    both = with_twins(catalog)
    twins = [row for row in both.instance_types if row.instance_type.endswith(TWIN)]
    assert len(twins) > 50
    for twin in twins:
        row = catalog[twin.instance_type.removesuffix(TWIN)]
        assert job_start(twin.instance_type) == job_start(row.instance_type)
        assert (twin.vcpu, twin.memory_gib, twin.runtime) == (row.vcpu, row.memory_gib, row.runtime)
        for price in twin.prices:
            listed = row.price(price.region, "training")
            assert listed is not None
            assert 1.1 < listed.usd_per_hour / price.usd_per_hour < 1.5


def problem(max_hours: float, max_usd: float) -> Problem:
    hours, usd = np.array([1.0, 2.0, 4.0, 3.0]), np.array([9.0, 5.0, 2.0, 6.0])
    return Problem([7, 8, 9, 10], hours, usd, max_hours, max_usd, 0.0)


@pytest.mark.parametrize(
    ("max_hours", "max_usd", "chosen"), [(9.0, 9.0, 2), (2.0, 9.0, 1), (1.5, 9.0, 0), (3.5, 5.5, 1)]
)
def test_our_choice_is_the_cheapest_that_holds_both_limits(
    max_hours: float, max_usd: float, chosen: int
) -> None:
    assert problem(max_hours, max_usd).chosen() == chosen


def test_skypilot_is_told_the_seconds_that_give_our_dollars() -> None:
    prices = np.full(11, 2.0)
    one = problem(9.0, 9.0)
    assert one.seconds(prices, "TIME") == [3600.0, 7200.0, 14400.0, 10800.0]
    billed = np.array(one.seconds(prices, "COST")) / 3600 * 2.0
    assert billed == pytest.approx(one.usd)


def test_the_rows_are_written_as_skypilots_catalog_has_them(tmp_path: Path) -> None:
    row = {"name": "g5.xlarge", "region": "us-east-1", "usd_per_hour": 1.4}
    write_catalog(tmp_path / "aws", [row | {"vcpu": 4, "memory_gib": 16.0}])
    with (tmp_path / "aws" / "vms.csv").open(newline="") as file:
        (written,) = csv.DictReader(file)
    assert written["InstanceType"] == "g5.xlarge"
    assert (written["Price"], written["Region"]) == ("1.4", "us-east-1")
    assert (written["vCPUs"], written["MemoryGiB"]) == ("4", "16.0")
    assert not written["SpotPrice"]
