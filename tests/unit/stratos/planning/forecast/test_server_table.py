"""The servers a spec may use."""

from __future__ import annotations

import pytest

from stratos.catalog.quotas import Quota, with_quotas
from stratos.errors import NoFeasiblePlan
from stratos.planning.choose import plan_before_probing
from stratos.planning.forecast.server_table import serving_table, stand_in_table
from tests.unit.stratos.planning import planning_inputs as inputs
from tests.unit.stratos.planning.hosted_plans import chosen
from tests.unit.stratos.planning.planning_inputs import CHEAP, FAST, catalog, gpu, price, request


def test_a_price_that_is_an_assumption_is_never_chosen() -> None:
    assumed = gpu("ml.g3.xlarge", tflops=900, bandwidth=3000)
    assumed = assumed.model_copy(
        update={
            "prices": tuple(
                price("us-east-1", component, 0.01, grade="C")
                for component in ("training", "hosting")
            )
        }
    )
    plans = plan_before_probing(request(assumed, CHEAP))
    assert {plan.training.instance_type for plan in plans.front} == {"ml.g1.xlarge"}
    assert "grade C" in plans.rejected["ml.g3.xlarge"]
    with pytest.raises(NoFeasiblePlan, match="grade C"):
        plan_before_probing(request(assumed))


def test_a_server_without_quota_is_out_with_the_reason() -> None:
    quotas = {"ml.g2.xlarge": Quota(training=0, spot_training=0, hosting=2)}
    limited = with_quotas(catalog(FAST, CHEAP), quotas)
    plans = plan_before_probing(request(*limited.instance_types))
    assert all(plan.training.instance_type == "ml.g1.xlarge" for plan in plans.front)
    assert all(
        plan.serving.count <= 2
        for plan in plans.front
        if plan.serving.instance_type == "ml.g2.xlarge"
    )
    assert plans.rejected["ml.g2.xlarge for training jobs"] == "the account's quota is 0"


def test_one_cpu_a_region_stands_in_for_serverless_the_smallest_and_then_the_cheapest():
    larger = inputs.cpu("ml.local.cpu4", usd=0.01).model_copy(update={"vcpu": 4})
    rows = (larger, inputs.cpu("ml.local.dear", usd=0.2), inputs.cpu("ml.local.cheap", usd=0.1))
    regions = ("us-east-1", "eu-west-1")
    found = stand_in_table(inputs.catalog(*rows, inputs.gpu()), regions)
    assert [(row.instance.instance_type, row.region) for row in found.rows] == [
        ("ml.local.cheap", region) for region in regions
    ]


def test_batches_run_on_one_server_of_a_kind_that_sagemaker_has_for_them():
    cheap = {"us-east-1": 0.001}
    unknown, offered = inputs.gpu(usd=cheap), inputs.gpu("ml.g6.xlarge", usd=cheap)
    plan = chosen(unknown, inputs.cpu(), mode="batch")
    assert plan.serving.instance_type == "ml.local.cpu2"
    plan = chosen(offered, mode="batch")
    assert (plan.serving.instance_type, plan.serving.count) == ("ml.g6.xlarge", 1)


def test_graviton_serves_models_and_neither_stands_in_for_serverless_nor_runs_batches():
    graviton, old = inputs.cpu("ml.c7g.large", usd=0.001), inputs.cpu("ml.c6g.large", usd=0.001)
    intel = inputs.cpu("ml.c7i.large", usd=0.1)
    rows = inputs.catalog(graviton, old, intel)
    found = serving_table(rows, ("us-east-1",))
    assert {row.instance.instance_type for row in found.rows} == {"ml.c7g.large", "ml.c7i.large"}
    assert "compiled for Graviton3" in found.rejected["ml.c6g.large"]
    (stand_in,) = stand_in_table(rows, ("us-east-1",)).rows
    assert stand_in.instance.instance_type == "ml.c7i.large"
    for_batches = serving_table(rows, ("us-east-1",), for_batches=True)
    assert {row.instance.instance_type for row in for_batches.rows} == {"ml.c7i.large"}


def test_a_region_without_the_image_is_out_and_another_with_it_stays():
    rows = inputs.catalog(inputs.cpu("ml.c7g.large", usd=0.1))
    found = serving_table(rows, ("us-east-1", "us-iso-east-1"))
    assert {row.region for row in found.rows} == {"us-east-1"}
    assert "in 'us-iso-east-1'" in found.rejected["ml.c7g.large"]
