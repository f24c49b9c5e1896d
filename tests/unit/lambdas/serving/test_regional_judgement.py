"""Every endpoint of a fleet judged together: one that fails leaves what was in service."""

from __future__ import annotations

import pytest

from tests.unit.lambdas.served_regions import ASIA, EUROPE, REGIONS, Fleet, fleet

__all__ = ["fleet"]


def test_what_each_region_measured_is_kept_and_the_report_is_of_all(fleet: Fleet) -> None:
    pipeline = fleet.until_promoted()
    measured = pipeline.measurements()
    assert {one.region for one in measured} == set(REGIONS)
    assert all(one.passed for one in measured)
    summary = pipeline.summary()
    assert summary.status == "succeeded", summary.reason
    assert summary.endpoint is not None
    assert not any("another plan was tried" in note for note in summary.notes)


@pytest.mark.parametrize("slow", [EUROPE, ASIA])
def test_one_gate_that_fails_leaves_the_model_in_service_everywhere(
    fleet: Fleet, slow: str
) -> None:
    before = fleet.until_promoted()
    served, standing = fleet.record(), fleet.endpoints()
    fleet.begin(constraints={"max_p95_latency_ms": 12_000})
    fleet.stage()
    fleet.measure(**{slow.replace("-", "_"): 5000.0})
    judged = fleet.judge()
    assert not judged["passed"]
    assert judged["reason"].startswith(f"student: {slow}: p95 latency")
    fleet.clean_up()
    assert fleet.endpoints() == standing
    assert fleet.record() == served
    assert fleet.account.row(before.run.run_id)["endpoint_name"] is not None


def test_the_distance_of_its_origins_counts_with_what_a_region_measured(fleet: Fleet) -> None:
    fleet.begin(EUROPE, constraints={"max_p95_latency_ms": 10_300})
    found = fleet.pipeline.evidence()
    far = found.plan.origins[0].model_copy(update={"origin": ASIA, "round_trip_ms": 200.0})
    fleet.account.put(
        f"runs/{fleet.pipeline.run.run_id}/match.json",
        found.model_copy(
            update={
                "matching": found.matching.model_copy(
                    update={"plan": found.plan.model_copy(update={"origins": (far,)})}
                )
            }
        ).model_dump_json(),
    )
    fleet.stage()
    fleet.measure()
    assert " and 199 ms to the farthest origin, max_p95" in fleet.judge()["reason"]
