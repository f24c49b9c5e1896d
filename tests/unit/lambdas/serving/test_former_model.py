"""The model in service, while a run changes its endpoint and once that was taken back."""

from __future__ import annotations

from datetime import UTC, datetime

from lambdas.aws import runs_table, scaling
from lambdas.handlers import clean_up, sweep
from lambdas.serving import former_model
from stratos.hosting.ownership import EXPIRES_TAG
from tests.unit.lambdas.conftest import Account
from tests.unit.lambdas.pipeline import call, start

FAILURE = {"Error": "LatencyGateError", "Cause": ""}


def expiries(account: Account) -> dict[str, str]:
    """Name → expression of every schedule that ends an endpoint or what scales it."""
    scheduler = account.client("scheduler")
    names = [s["Name"] for s in scheduler.list_schedules(GroupName="stratos")["Schedules"]]
    found = (scheduler.get_schedule(Name=name, GroupName="stratos") for name in names)
    return {schedule["Name"]: schedule["ScheduleExpression"] for schedule in found}


def tag(account: Account) -> str:
    sagemaker = account.client("sagemaker")
    arn = sagemaker.describe_endpoint(EndpointName="stratos-tiles")["EndpointArn"]
    tags = sagemaker.list_tags(ResourceArn=arn)["Tags"]
    return {item["Key"]: item["Value"] for item in tags}[EXPIRES_TAG]  # moto adds, the last counts


def test_an_endpoint_does_not_end_while_a_run_has_the_turn_at_it(account: Account) -> None:
    start(account).until_promoted()
    assert set(expiries(account)) == {"stratos-tiles-expiry"}
    start(account).until_deployed()
    assert expiries(account) == {}


def test_nor_does_the_sweeper_end_it_then(account: Account) -> None:
    live = start(account).until_promoted()
    start(account).until_deployed()
    account.expire(live.run.run_id)
    assert call(sweep.handler)["removed"] == []


def test_a_model_that_is_back_in_service_ends_when_it_was_to(account: Account) -> None:
    live = start(account, hosting={"max_instances": 3}).until_promoted()
    before, row = expiries(account), account.row(live.run.run_id)
    assert len(before) == 2  # what scales it ends with it
    failing = start(account).until_deployed()
    call(clean_up.handler, run=failing.run, failure=FAILURE)
    assert expiries(account) == before
    assert account.row(live.run.run_id) == row
    assert tag(account) == row["expires_at"]


def test_one_whose_time_was_over_meanwhile_ends_soon_and_says_so(account: Account) -> None:
    live = start(account).until_promoted()
    failing = start(account).until_deployed()
    runs_table.update(live.run.run_id, expires_at="2026-01-05T10:00:00+00:00")
    before = datetime.now(UTC).replace(microsecond=0)
    call(clean_up.handler, run=failing.run, failure=FAILURE)
    told = str(account.row(live.run.run_id)["expires_at"])
    expires = datetime.fromisoformat(told)
    assert before + former_model.NOTICE <= expires <= datetime.now(UTC) + former_model.NOTICE
    assert expiries(account) == {"stratos-tiles-expiry": f"at({expires:%Y-%m-%dT%H:%M:%S})"}
    assert tag(account) == told
    assert account.row(live.run.run_id)["endpoint_name"] == "stratos-tiles"


def test_an_endpoint_that_is_kept_is_given_no_end(account: Account) -> None:
    start(account, hosting={"keep": True}).until_promoted()
    failing = start(account, hosting={"keep": True}).until_deployed()
    call(clean_up.handler, run=failing.run, failure=FAILURE)
    assert expiries(account) == {}


def test_a_run_without_the_turn_changes_neither_end_nor_bounds_of_the_holders_endpoint(
    account: Account,
) -> None:
    start(account, hosting={"max_instances": 3}).until_promoted()
    waiting = start(account).until_matched()
    waiting.work()
    waiting.check()
    holder = start(account).until_registered()
    holder.take_turn()
    assert scaling.remove("stratos-tiles")  # what the states do before the update
    call(clean_up.handler, run=waiting.run, failure=FAILURE)
    targets = account.client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace="sagemaker"
    )
    assert (expiries(account), targets["ScalableTargets"]) == ({}, [])


def test_a_model_that_is_back_in_service_is_scaled_as_it_was(account: Account) -> None:
    live = start(account, hosting={"max_instances": 3}).until_deployed()
    live.promote()
    autoscaling = account.client("application-autoscaling")
    before = autoscaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    failing = start(account, hosting={"max_instances": 5}).until_deployed()
    assert scaling.remove("stratos-tiles")  # what the states do before the update
    cleaned = call(clean_up.handler, run=failing.run, failure=FAILURE)
    assert cleaned["restored_endpoint"] == "stratos-tiles"
    after = autoscaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    bounds = [
        [(t["ResourceId"], t["MinCapacity"], t["MaxCapacity"]) for t in targets]
        for targets in (before, after)
    ]
    assert bounds == [[("endpoint/stratos-tiles/variant/AllTraffic", 1, 3)]] * 2
