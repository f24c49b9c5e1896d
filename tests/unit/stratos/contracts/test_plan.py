"""Plans of before are read."""

from __future__ import annotations

from stratos.contracts.plan import Plan
from tests import factories
from tests.unit.stratos.hosting.deployments import server_of


def test_a_plan_from_before_plans_named_a_mode_reads_as_real_time():
    plan = factories.match_evidence(server_of(), 400.0).plan
    old = plan.model_dump(exclude={"hosting", "usd_per_1000_requests"})
    read = Plan.model_validate(old)
    assert (read.hosting.mode, read.usd_per_1000_requests) == ("realtime", None)
    assert read.serving == plan.serving
