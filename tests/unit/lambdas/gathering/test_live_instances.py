"""An endpoint that scales to zero keeps its instances: plans and deployments fit them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lambdas.aws import sagemaker
from lambdas.gathering import live_instances
from stratos.errors import DeploymentFailed, NoFeasiblePlan
from tests import factories
from tests.unit.lambdas.conftest import Account
from tests.unit.lambdas.pipeline import TO_ZERO, start

NAME = "stratos-tiles"

pytestmark = pytest.mark.usefixtures("local_instances")


def test_a_live_component_binds_the_plan_to_its_instances(account: Account) -> None:
    start(account, **TO_ZERO).until_promoted()
    dear = TO_ZERO | {"preferences": {"accuracy": 0, "latency": 1, "time": 0, "cost": 0}}
    pipeline = start(account, **dear).until_matched()
    assert pipeline.state["match"]["serving"]["instance_type"] == "ml.local.cpu1"


def test_a_live_component_binds_the_plan_to_the_instances_it_may_have(account: Account) -> None:
    start(account, **TO_ZERO).until_promoted()
    spec, catalog = factories.spec(), factories.servers()
    kept = live_instances.servers_for(spec, catalog)
    hosts = [(row.instance_type, row.hosting_quota) for row in kept.instance_types if row.hosting]
    assert hosts == [("ml.local.cpu1", 1)]
    more = factories.spec(hosting={"max_instances": 3})
    with pytest.raises(NoFeasiblePlan, match=r"max_instances is 3, but .* made for 1 at most"):
        live_instances.servers_for(more, catalog)


def test_a_plan_made_for_more_instances_does_not_take_an_endpoint_that_came_meanwhile(
    account: Account,
) -> None:
    hosting = {"mode": "scale_to_zero", "max_instances": 3}
    late = start(account, **TO_ZERO | {"hosting": hosting}).until_registered()
    start(account, **TO_ZERO).until_promoted()
    with pytest.raises(DeploymentFailed, match=r"scales to 3 instances, but .* made for 1 at most"):
        late.take_turn()


def test_an_endpoint_that_is_being_deleted_binds_no_plan(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(account, **TO_ZERO).until_promoted()
    found = sagemaker.find_endpoint(NAME)
    assert found is not None
    leaving = replace(found, status="Deleting")
    monkeypatch.setattr("lambdas.aws.sagemaker.find_endpoint", lambda *_: leaving)
    spec, catalog = factories.spec(), factories.servers()
    assert live_instances.servers_for(spec, catalog) == catalog


def test_a_plan_made_for_other_instances_does_not_take_an_endpoint_that_came_meanwhile(
    account: Account,
) -> None:
    latency = {"latency": 1, "latency_below_limit": "counts"}
    fast = TO_ZERO | {"preferences": {"accuracy": 0, "time": 0, "cost": 0} | latency}
    late = start(account, **fast).until_registered()
    start(account, **TO_ZERO).until_promoted()
    with pytest.raises(DeploymentFailed, match="keeps its instances"):
        late.take_turn()
