"""Steps that one server cannot end in time are shared by several."""

from __future__ import annotations

import numpy as np
import pytest

from stratos.catalog.quotas import Quota
from stratos.contracts.plan import Plan
from stratos.errors import NoFeasiblePlan
from stratos.planning.candidates.split_steps import most_at_once, servers_needed
from stratos.planning.choose import plan_before_probing
from stratos.planning.forecast.server_table import training_table
from stratos.sharding.number import SERVERS_OF_UNKNOWN_QUOTA
from tests.unit.stratos.planning.planning_inputs import cpu, gpu, request, spec

MANY = {"num_train": 500_000, "num_heldout": 20_000, "num_gold": 520_000}


def chosen(quota: int | None, **constraints: object) -> Plan:
    asked = spec(
        {"max_training_hours": 20.0, **constraints}, training={"max_steps": 100, "method": "lora"}
    )
    row = gpu("ml.g9.xlarge", training_quota=quota, spot_interruptions_per_month=None)
    return plan_before_probing(request(row, asked=asked, facts=MANY)).chosen


def test_one_server_does_where_it_ends_in_time() -> None:
    few = plan_before_probing(request(gpu(training_quota=8))).chosen
    assert (few.synthesis_servers, few.evaluation_servers) == (1, 1)
    assert not [caveat for caveat in few.caveats if "servers:" in caveat]


def test_a_long_synthesis_is_shared_by_as_few_as_end_it_within_the_quota() -> None:
    by_quota = {quota: chosen(quota) for quota in (1, 2, 4, 100)}
    servers = {quota: plan.synthesis_servers for quota, plan in by_quota.items()}
    assert servers[1] == 1
    assert servers[2] == 2
    assert servers[4] <= servers[100] <= 16
    assert servers[100] > 2
    records = {quota: plan.num_records or 0.0 for quota, plan in by_quota.items()}
    assert records[1] < records[2] < records[100]
    [why] = [caveat for caveat in by_quota[100].caveats if "servers:" in caveat]
    assert why.startswith(f"synthesis over {servers[100]} servers: one would outlast the 7")
    assert "more starts of ml.g9.xlarge" in why


def test_an_unknown_quota_is_taken_for_a_small_one() -> None:
    assert chosen(None).synthesis_servers == SERVERS_OF_UNKNOWN_QUOTA


def test_a_number_in_the_spec_is_taken_as_it_is() -> None:
    plan = chosen(1, servers_per_step=3)
    assert (plan.synthesis_servers, plan.evaluation_servers) == (3, 3)
    assert any("as constraints.servers_per_step says" in caveat for caveat in plan.caveats)


def test_more_starts_take_money_and_side_by_side_no_time() -> None:
    one, two = (
        plan_before_probing(
            request(gpu(), asked=spec({"servers_per_step": servers}, training={"max_steps": 10}))
        ).chosen
        for servers in (1, 2)
    )
    assert two.usd_to_deploy.value > one.usd_to_deploy.value
    assert two.hours_to_deploy.value < one.hours_to_deploy.value


def test_a_budget_that_does_not_last_for_several_servers_leaves_one() -> None:
    shared = chosen(100)
    price = shared.usd_to_deploy.value
    poor = chosen(100, max_budget_usd=0.5 * price)
    assert shared.synthesis_servers > 1
    assert poor.synthesis_servers == 1
    assert poor.usd_to_deploy.value <= 0.5 * price
    with pytest.raises(NoFeasiblePlan):
        chosen(100, max_budget_usd=0.01 * price)


def test_the_cores_of_this_machine_are_not_counted_twice() -> None:
    [local, *_] = training_table(request(cpu("ml.local.cpu2")).servers, ["us-east-1"]).rows
    assert most_at_once(local, {}) == 1


def test_a_region_has_a_quota_of_its_own() -> None:
    bought = gpu("ml.g9.xlarge", training_quota=3)
    [row, *_] = training_table(request(bought).servers, ["us-east-1"]).rows
    assert most_at_once(row, {}) == 3
    assert most_at_once(row, {"us-east-1": {"ml.g9.xlarge": Quota(training=2)}}) == 2


def test_no_more_servers_are_taken_than_the_step_needs() -> None:
    needed = np.array([50.0, 100.0, 100.1, 1000.0])
    found = servers_needed(needed, np.full(4, 100.0), np.full(4, 4.0))
    assert found.tolist() == [1, 1, 2, 4]
