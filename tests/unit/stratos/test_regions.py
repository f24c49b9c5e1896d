from __future__ import annotations

from stratos.regions import known_regions, region_places


def test_every_known_region_has_a_place_on_earth() -> None:
    assert known_regions() == tuple(sorted(region_places()))
    assert {"us-east-1", "eu-west-1", "ap-northeast-1"} <= set(known_regions())
    for latitude, longitude in region_places().values():
        assert -90 <= latitude <= 90
        assert -180 <= longitude <= 180
