"""Where a plan trains and serves, and why other regions lost."""

from __future__ import annotations

from typing import Any

import pytest

from stratos.catalog.quotas import Quota
from stratos.contracts.plan import Plan, PlanSet
from stratos.planning.choose import plan_before_probing
from stratos.planning.forecast.network import round_trip_ms
from stratos.planning.request import RecentRefusal
from tests.unit.stratos.planning.planning_inputs import gpu, request, spec

WORKERS = ("us-east-1", "ap-northeast-1", "sa-east-1")
COSTLY = {"time": 0.1, "accuracy": 0.1, "latency": 0.1, "cost": 10.0}


def planned(
    usd: dict[str, float], origins: dict[str, float] | None = None, **fields: Any
) -> PlanSet:
    limits = fields.pop("limits", {})
    load = {} if origins is None else {"load": {"origins": origins}}
    known = {"training_regions": WORKERS, "serving_regions": WORKERS[:1]}
    asked = spec(limits, preferences=COSTLY, **load)
    return plan_before_probing(request(gpu(usd=usd), asked=asked, **(known | fields)))


def check_worst(plan: Plan) -> None:
    worst = max(found.p95_latency_ms for found in plan.origins)
    assert plan.p95_latency_ms.value == pytest.approx(worst, rel=1e-9)
    for found in plan.origins:
        assert found.round_trip_ms == pytest.approx(round_trip_ms(found.origin, found.served_in))


def test_training_goes_where_it_is_cheaper_by_more_than_its_copies_cost() -> None:
    plans = planned({"us-east-1": 1.0, "sa-east-1": 0.3, "ap-northeast-1": 0.9})
    chosen = plans.chosen
    assert chosen.training.region == "sa-east-1"
    assert chosen.serving.region == "us-east-1"
    assert chosen.elsewhere is not None
    assert chosen.elsewhere.usd > 0
    assert "GiB home" in chosen.elsewhere.told
    assert "ml.g9.xlarge at $1.000 an hour" in plans.regions["us-east-1"]
    assert "chosen is ml.g9.xlarge at $0.300 an hour" in plans.regions["ap-northeast-1"]


def test_training_stays_where_the_gain_is_less_than_the_copies() -> None:
    plans = planned({"us-east-1": 1.0, "sa-east-1": 0.99})
    assert plans.chosen.training.region == "us-east-1"
    assert plans.chosen.elsewhere is None


def test_what_a_region_refused_lately_moves_the_choice_and_is_told() -> None:
    refusal = RecentRefusal(
        region="sa-east-1", instance_type="ml.g9.xlarge", purchase="on_demand", hours_ago=1.0
    )
    usd = {"us-east-1": 1.0, "sa-east-1": 0.3}
    before = planned(usd).chosen
    after = planned(usd, limits={"max_training_hours": 1.2}, refusals=(refusal,))
    assert before.training.region == "sa-east-1"
    assert after.chosen.training.region == "us-east-1"
    assert "53 min of them waiting after recent refusals" in after.regions["sa-east-1"]
    plans = planned(usd, refusals=(refusal,))
    waits = next(plan for plan in plans.front if plan.training.region == "sa-east-1")
    assert waits.elsewhere is not None
    assert waits.elsewhere.waiting_hours == pytest.approx(2 ** (-1 / 6))
    assert "53 min of waiting expected after recent refusals" in waits.elsewhere.told


def test_why_a_region_lost_names_quotas_prices_and_residency() -> None:
    plans = planned(
        {"us-east-1": 1.0, "sa-east-1": 0.3},
        limits={"regions": ["us-east-1", "ap-northeast-1", "eu-west-1"]},
        training_regions=(*WORKERS, "eu-west-1"),
        quotas={"eu-west-1": {"ml.g9.xlarge": Quota(training=0, spot_training=0)}},
    )
    assert plans.chosen.training.region == "us-east-1"
    assert "constraints.regions leaves it out" in plans.regions["sa-east-1"]
    assert "good enough to choose by" in plans.regions["ap-northeast-1"]
    assert "quotas there are 0" in plans.regions["eu-west-1"]


def test_a_quota_of_zero_in_one_region_moves_the_plan_to_the_next_and_nothing_else() -> None:
    usd = {"us-east-1": 1.0, "sa-east-1": 0.3, "ap-northeast-1": 0.6}
    none = {"sa-east-1": {"ml.g9.xlarge": Quota(training=0, spot_training=0)}}
    assert planned(usd).chosen.training.region == "sa-east-1"
    plans = planned(usd, quotas=none | {"ap-northeast-1": {"ml.g9.xlarge": Quota(training=4)}})
    assert plans.chosen.training.region == "ap-northeast-1"
    assert plans.regions["sa-east-1"].startswith("training: the account's quotas there are 0")
    assert "ml.g9.xlarge at $1.000 an hour" in plans.regions["us-east-1"]


def test_nothing_is_planned_in_a_region_that_does_not_answer() -> None:
    usd = {"us-east-1": 1.0, "sa-east-1": 0.3}
    plans = planned(usd, unreached={"sa-east-1": "connection refused"})
    assert plans.chosen.training.region == "us-east-1"
    assert plans.regions["sa-east-1"] == "training: it does not answer: connection refused"


def test_one_endpoint_is_as_slow_as_its_farthest_origin_finds_it() -> None:
    usd = dict.fromkeys(WORKERS, 1.0)
    near = planned(usd, {"us-east-1": 2.0}).chosen
    far = planned(usd, {"us-east-1": 1.0, "ap-northeast-1": 1.0}).chosen
    check_worst(far)
    away = round_trip_ms("ap-northeast-1", "us-east-1") - round_trip_ms("us-east-1", "us-east-1")
    assert far.beyond_home_ms == pytest.approx(away)
    assert near.beyond_home_ms == 0
    assert far.p95_latency_ms.value - near.p95_latency_ms.value == pytest.approx(away)


def test_a_fleet_over_regions_holds_the_latency_limit_for_every_origin() -> None:
    usd = dict.fromkeys(WORKERS, 1.0)
    origins = {"us-east-1": 2.0, "ap-northeast-1": 1.0, "sa-east-1": 0.5}
    single = planned(usd, origins, serving_regions=WORKERS).chosen
    assert single.more_endpoints == ()
    limit = single.p95_latency_ms.value - 20
    plans = planned(usd, origins, serving_regions=WORKERS, limits={"max_p95_latency_ms": limit})
    chosen = plans.chosen
    check_worst(chosen)
    assert len(chosen.regions) > 1
    assert len(set(chosen.regions)) == len(chosen.regions)
    assert all(found.p95_latency_ms <= limit for found in chosen.origins)
    assert {found.served_in for found in chosen.origins} == set(chosen.regions)
    more = sum(endpoint.usd_per_month for endpoint in chosen.more_endpoints)
    assert 0 < more < chosen.usd_per_month.value
    assert "realtime in each of" in chosen.hosting.reason
    assert type(plans).model_validate_json(plans.model_dump_json()) == plans
