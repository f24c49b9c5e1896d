"""What lies between regions."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.local.host.network import NetworkCall, RegionNetwork
from infra.local.host.settings import LocalSettings
from stratos.planning.forecast.network import round_trip_ms

HOME, WORKER, OTHER = "us-east-1", "eu-west-1", "ap-northeast-1"


@pytest.fixture
def network(tmp_path: Path) -> RegionNetwork:
    return RegionNetwork(LocalSettings(state_dir=tmp_path / "new", regions=(HOME, WORKER, OTHER)))


def test_everything_is_reached_where_nobody_has_said_otherwise(network: RegionNetwork) -> None:
    assert network.reaches(HOME, WORKER)
    assert network.reaches("", WORKER)
    assert network.cut_off() == []


def test_a_region_that_is_cut_off_reaches_itself_alone(network: RegionNetwork) -> None:
    network.cut(WORKER)
    assert network.reaches(WORKER, WORKER)
    assert network.reaches(HOME, OTHER)
    unreached = [(HOME, WORKER), (WORKER, HOME), ("", WORKER)]
    assert not any(network.reaches(origin, region) for origin, region in unreached)
    network.mend(WORKER)
    assert all(network.reaches(origin, region) for origin, region in unreached)


def test_a_region_is_as_far_as_is_estimated_unless_somebody_says_otherwise(
    network: RegionNetwork,
) -> None:
    assert network.seconds(HOME, WORKER) == round_trip_ms(HOME, WORKER) / 1000
    network.set_round_trip(HOME, WORKER, 20)
    assert network.seconds(HOME, WORKER) == network.seconds(WORKER, HOME) == 0.02
    network.set_round_trip(WORKER, HOME, 30)
    assert network.seconds(HOME, WORKER) == 0.03


def test_within_a_region_and_from_outside_nothing_takes_longer(network: RegionNetwork) -> None:
    assert network.seconds(WORKER, WORKER) == network.seconds("", WORKER) == 0.0


def test_distances_are_switched_off_by_their_scale_and_in_a_cloud_of_one_region(
    tmp_path: Path,
) -> None:
    regions = (HOME, OTHER)
    near = RegionNetwork(LocalSettings(state_dir=tmp_path, regions=regions, distance_scale=0))
    alone = RegionNetwork(LocalSettings(state_dir=tmp_path, regions=(HOME,)))
    assert near.seconds(HOME, OTHER) == alone.seconds(HOME, OTHER) == 0.0


def test_only_a_region_that_was_lost_has_a_moment_of_it(network: RegionNetwork) -> None:
    network.cut(WORKER)
    assert network.lost_at(WORKER) == 0.0
    network.cut(WORKER, lose_jobs=True)
    network.mend(WORKER)
    assert network.lost_at(WORKER) > 0.0
    assert network.lost_at(HOME) == 0.0


PUT = NetworkCall(origin=HOME, region=HOME, service="s3", operation="PutObject", key="served/")


@pytest.mark.parametrize(
    ("changed", "cut"),
    [
        ({"key": "served/tiles.json"}, True),
        ({"key": "runs/1/served/tiles.json"}, False),
        ({"key": "served/tiles.json", "region": OTHER}, False),
        ({"key": "served/tiles.json", "origin": WORKER}, False),
        ({"key": "served/tiles.json", "operation": "GetObject"}, False),
    ],
    ids=["such a call", "another key", "to elsewhere", "from elsewhere", "another operation"],
)
def test_a_region_is_cut_off_at_the_call_that_was_named(
    network: RegionNetwork, changed: dict[str, str], cut: bool
) -> None:
    assert not network.awaits_call()
    network.cut_at(WORKER, PUT)
    assert network.reaches(HOME, WORKER)
    network.notice(PUT.model_copy(update=changed))
    assert network.reaches(HOME, WORKER) is not cut
    assert network.awaits_call() is not cut


def test_any_call_between_two_regions_may_be_named(network: RegionNetwork) -> None:
    calls = (NetworkCall(origin=HOME, region=OTHER), NetworkCall(origin=WORKER, region=OTHER))
    network.cut_at(OTHER, *calls)
    network.notice(PUT)
    assert network.awaits_call()
    network.notice(PUT.model_copy(update={"origin": WORKER, "region": OTHER}))
    assert network.cut_off() == [OTHER]


def test_a_region_that_is_mended_is_cut_off_at_no_call_any_more(network: RegionNetwork) -> None:
    network.cut_at(WORKER, PUT)
    network.mend(WORKER)
    network.notice(PUT)
    assert network.cut_off() == []
