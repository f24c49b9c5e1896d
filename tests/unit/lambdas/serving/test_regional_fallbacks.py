"""What follows a miss over several regions."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stratos.contracts.bucket import RunKeys
from tests import factories
from tests.unit.lambdas.served_regions import ASIA, EUROPE, REGIONS, Fleet, fleet

__all__ = ["fleet"]

LIMITED: dict[str, Any] = {"constraints": {"max_p95_latency_ms": 12_000}}
TOO_SLOW = {"eu_west_1": 5000.0}


def missed(fleet: Fleet, **sections: Any) -> dict[str, Any]:
    """A verdict on endpoints of which that in Europe was too slow; two threads are faster."""
    fleet.begin(**LIMITED, **sections)
    fleet.offer("ml.local.cpu2", 1.0)
    fleet.stage()
    fleet.measure(**TOO_SLOW)
    return fleet.judge()


def test_the_same_model_is_tried_on_the_next_servers_of_the_front_in_the_same_regions(
    fleet: Fleet,
) -> None:
    fleet.until_promoted()
    served, standing = fleet.record(), fleet.endpoints()
    judged = missed(fleet)
    first = fleet.staged
    assert (judged["passed"], judged["next_attempt"]) == (False, None)
    assert judged["reason"].startswith(f"student: {EUROPE}: p95 latency")
    assert "next: 1 × ml.local.cpu2 in us-east-1 and 1 × ml.local.cpu2" in judged["reason"]
    assert judged["deployment"]["served_in"] == list(REGIONS)

    back = fleet.take_servers_back(judged["reason"])
    assert back["reason"] == judged["reason"]
    assert fleet.endpoints() == standing
    second = fleet.stage()
    assert second.name == f"{first.name}-s1"
    assert second.regions == first.regions
    assert {one.plan.serving.instance_type for one in second.endpoints} == {"ml.local.cpu2"}
    assert fleet.record() == served
    fleet.measure()
    assert fleet.judge()["passed"]
    fleet.retire(fleet.promote())
    assert fleet.endpoints() == {region: {second.name} for region in REGIONS}
    fleet.pipeline.report()
    summary = fleet.pipeline.summary()
    assert summary.status == "succeeded", summary.reason
    assert [item.passed for item in summary.measurements].count(False) == 1
    assert any("another plan was tried" in note for note in summary.notes)


def test_a_verdict_that_is_given_again_names_the_same_servers(fleet: Fleet) -> None:
    first, again = missed(fleet), fleet.judge()
    for judged in (first, again):  # the tag of its end is as old as the verdict
        del judged["deployment"]["tags"]
    assert again == first
    assert first["deployment"]["endpoint_name"] == f"{fleet.staged.name}-s1"


def test_the_next_student_follows_where_no_servers_are_better(fleet: Fleet) -> None:
    students = [{"path": "models/student"}, {"path": "models/other"}]
    for name, content in factories.model_files(32, 3).items():
        fleet.account.put(f"specs/tiles/models/other/{name}", content)
    fleet.begin(**LIMITED, students=students)
    fleet.stage()
    fleet.measure(**TOO_SLOW)
    judged = fleet.judge()
    assert (judged["deployment"], judged["next_attempt"]) == (None, 1)
    assert "the front has no better server for it; next: " in judged["reason"]


def test_servers_that_no_money_is_left_for_are_not_tried(fleet: Fleet) -> None:
    fleet.begin(**LIMITED)
    fleet.offer("ml.local.cpu2", 1.0)
    fleet.stage()
    fleet.measure(**TOO_SLOW)
    key = RunKeys(fleet.pipeline.run.run_id).spec
    spec = json.loads(fleet.account.read(key))
    limits = spec["constraints"] | {"max_budget_usd": 1e-9}
    fleet.account.put(key, json.dumps(spec | {"constraints": limits}))
    judged = fleet.judge()
    assert (judged["deployment"], judged["next_attempt"]) == (None, None)
    assert "max_budget_usd" in judged["reason"]


@pytest.mark.parametrize("wrong", [EUROPE, ASIA])
def test_a_model_that_itself_fails_in_one_region_is_tried_on_no_other_server(
    fleet: Fleet, wrong: str
) -> None:
    fleet.begin(**LIMITED)
    fleet.offer("ml.local.cpu2", 1.0)
    fleet.stage()
    fleet.measure()
    key = RunKeys(fleet.pipeline.run.run_id).load_in(fleet.staged.name, wrong)
    found = json.loads(fleet.account.read(key))
    asked = found["load"]["num_requests"]
    found["load"] |= {"num_failed": asked, "num_broken": asked}
    fleet.account.put(key, json.dumps(found))
    judged = fleet.judge()
    assert judged["deployment"] is None
    assert "the model itself fails" in judged["reason"]
