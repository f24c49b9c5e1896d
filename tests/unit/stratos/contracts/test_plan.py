"""Servers in words, and plans of before."""

from __future__ import annotations

from stratos.contracts.plan import Plan
from stratos.planning.choose import plan_before_probing
from tests import factories
from tests.unit.stratos.hosting.deployments import server_of
from tests.unit.stratos.planning.planning_inputs import request, several


def test_a_plan_from_before_plans_named_a_mode_reads_as_real_time():
    plan = factories.match_evidence(server_of(), 400.0).plan
    old = plan.model_dump(exclude={"hosting", "usd_per_1000_requests"})
    read = Plan.model_validate(old)
    assert (read.hosting.mode, read.usd_per_1000_requests) == ("realtime", None)
    assert read.serving == plan.serving


def test_a_servers_layout_is_told_only_where_there_is_one() -> None:
    server = plan_before_probing(request(several(1))).chosen.serving
    told = [
        server.model_copy(update={"devices": devices, "replicas": replicas}).layout
        for devices, replicas in ((1, 1), (4, 1), (1, 4), (2, 2))
    ]
    assert told == ["", " (over 4 devices)", " (4 replicas)", " (2 replicas over 2 devices)"]


def test_an_old_plan_is_read_as_one_device() -> None:
    plan = plan_before_probing(request(several(1))).chosen
    old = plan.model_dump()
    for side in ("training", "serving"):
        del old[side]["devices"]
        del old[side]["replicas"]
    assert Plan.model_validate(old) == plan
