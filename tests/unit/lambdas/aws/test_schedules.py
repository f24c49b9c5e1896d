"""Schedules that run a spec again."""

from __future__ import annotations

from typing import Any

from tests.unit.lambdas.conftest import Account
from tests.unit.lambdas.pipeline import start


def rerun_of_tiles(account: Account) -> dict[str, Any]:
    scheduler = account.client("scheduler")
    found: dict[str, Any] = scheduler.get_schedule(Name="stratos-rerun-tiles", GroupName="stratos")
    return found


def test_a_promoted_rerun_leaves_the_phase_of_its_schedule_alone(account: Account) -> None:
    scheduler = account.client("scheduler")
    start(account, schedule="rate(7 days)").until_deployed().promote()
    name = scheduler.list_schedules(GroupName="stratos")["Schedules"][0]["Name"]
    first = scheduler.get_schedule(Name=name, GroupName="stratos")
    account.client("sagemaker").delete_endpoint(EndpointName="stratos-tiles")
    start(account, schedule="rate(7 days)").until_deployed().promote()
    second = scheduler.get_schedule(Name=name, GroupName="stratos")
    assert second["StartDate"] == first["StartDate"]
    account.client("sagemaker").delete_endpoint(EndpointName="stratos-tiles")
    start(account, schedule="rate(1 day)").until_deployed().promote()
    third = scheduler.get_schedule(Name=name, GroupName="stratos")
    assert third["ScheduleExpression"] == "rate(1 day)"
    assert third["StartDate"] < first["StartDate"]


def test_a_cron_reruns_by_the_clock_of_its_time_zone(account: Account) -> None:
    zoned = {"schedule": "cron(0 9 ? * MON *)", "schedule_timezone": "Europe/Berlin"}
    start(account, **zoned).until_deployed().promote()
    first = rerun_of_tiles(account)
    assert first["ScheduleExpression"] == "cron(0 9 ? * MON *)"
    assert first["ScheduleExpressionTimezone"] == "Europe/Berlin"
    assert "StartDate" not in first
    account.client("sagemaker").delete_endpoint(EndpointName="stratos-tiles")
    moved = zoned | {"schedule_timezone": "Asia/Tokyo"}
    start(account, **moved).until_deployed().promote()
    assert rerun_of_tiles(account)["ScheduleExpressionTimezone"] == "Asia/Tokyo"


def test_a_run_begun_before_there_were_time_zones_reruns_by_utc(account: Account) -> None:
    pipeline = start(account, schedule="cron(0 9 ? * MON *)").until_deployed()
    del pipeline.state["parsed"]["schedule_timezone"]
    pipeline.promote()
    assert rerun_of_tiles(account)["ScheduleExpressionTimezone"] == "UTC"
