"""What endpoints on instances have in common."""

from __future__ import annotations

from tests.unit.stratos.hosting.deployments import deployment


def test_only_a_fleet_that_answers_in_the_call_routes_by_what_is_under_way():
    assert "RoutingConfig" in deployment(count=2).production_variant
    assert "RoutingConfig" not in deployment(hosting={"mode": "async"}).production_variant
