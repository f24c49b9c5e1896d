"""An endpoint becomes the own of its spec: its row, its end, its fleet, its tags."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from lambdas.aws import runs_table
from lambdas.aws.settings import settings
from lambdas.handlers import promote
from tests.unit.lambdas.conftest import BUCKET, SPEC_KEY, Account
from tests.unit.lambdas.pipeline import start
from tests.unit.lambdas.served_regions import Fleet, fleet

__all__ = ["fleet"]


def test_promotion_records_the_live_run_and_sets_its_end(account: Account) -> None:
    pipeline = start(account, schedule="rate(7 days)", hosting={"ttl_hours": 2}).until_deployed()
    promoted = pipeline.promote()
    scheduler = account.client("scheduler")
    rerun = scheduler.get_schedule(Name=promoted["schedule_name"], GroupName="stratos")
    assert rerun["ScheduleExpression"] == "rate(7 days)"
    assert json.loads(rerun["Target"]["Input"])["rerun"] == {"bucket": BUCKET, "key": SPEC_KEY}
    in_a_week = datetime.now(UTC) + timedelta(days=7)
    assert abs(rerun["StartDate"].replace(tzinfo=UTC) - in_a_week) < timedelta(minutes=5)
    expiry = scheduler.get_schedule(Name="stratos-tiles-expiry", GroupName="stratos")
    assert expiry["ScheduleExpression"] == f"at({promoted['expires_at'][:19]})"
    assert expiry["Target"]["Arn"].endswith("sagemaker:deleteEndpoint")
    row = account.row(pipeline.run.run_id)
    assert row["endpoint_name"] == "stratos-tiles"
    assert row["model_artifact"].endswith("model.tar.gz")


def test_a_fleet_with_lulls_is_scaled_until_its_time_is_over(account: Account) -> None:
    pipeline = start(account, hosting={"mode": "async", "ttl_hours": 2}).until_deployed()
    pipeline.promote()
    autoscaling = account.client("application-autoscaling")
    (target,) = autoscaling.describe_scalable_targets(ServiceNamespace="sagemaker")[
        "ScalableTargets"
    ]
    assert target["ResourceId"] == "endpoint/stratos-tiles/variant/AllTraffic"
    assert (target["MinCapacity"], target["MaxCapacity"]) == (0, 1)
    policies = autoscaling.describe_scaling_policies(ServiceNamespace="sagemaker")
    named = {policy["PolicyName"]: policy["PolicyARN"] for policy in policies["ScalingPolicies"]}
    assert set(named) == {"stratos-tiles-backlog", "stratos-tiles-wake"}
    (alarm,) = account.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert alarm["AlarmActions"] == [named["stratos-tiles-wake"]]
    calls = [
        account.client("scheduler").get_schedule(Name=item["Name"], GroupName="stratos")["Target"]
        for item in account.client("scheduler").list_schedules(GroupName="stratos")["Schedules"]
    ]
    assert {call["Arn"].rpartition("aws-sdk:")[2]: json.loads(call["Input"]) for call in calls} == {
        "sagemaker:deleteEndpoint": {"EndpointName": "stratos-tiles"},
        "applicationautoscaling:deregisterScalableTarget": {
            "ServiceNamespace": "sagemaker",
            "ResourceId": "endpoint/stratos-tiles/variant/AllTraffic",
            "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
        },
        "cloudwatch:deleteAlarms": {"AlarmNames": [alarm["AlarmName"]]},
    }


def test_an_endpoint_that_is_scaled_no_more_loses_its_bounds_alarm_and_schedules(
    account: Account,
) -> None:
    start(account, hosting={"mode": "async"}).until_deployed().promote()
    account.client("sagemaker").delete_endpoint(EndpointName="stratos-tiles")
    start(account).until_deployed().promote()
    autoscaling = account.client("application-autoscaling")
    targets = autoscaling.describe_scalable_targets(ServiceNamespace="sagemaker")
    assert targets["ScalableTargets"] == []
    assert account.client("cloudwatch").describe_alarms()["MetricAlarms"] == []
    listed = account.client("scheduler").list_schedules(GroupName="stratos")["Schedules"]
    assert [item["Name"] for item in listed] == ["stratos-tiles-expiry"]


def test_a_spec_that_asks_no_longer_for_reruns_or_an_end_loses_both(account: Account) -> None:
    start(account, schedule="rate(7 days)").until_deployed().promote()
    account.client("sagemaker").delete_endpoint(EndpointName="stratos-tiles")
    second = start(account, hosting={"keep": True}).until_deployed()
    promoted = second.promote()
    assert (promoted["schedule_name"], promoted["expires_at"]) == (None, None)
    assert account.client("scheduler").list_schedules(GroupName="stratos")["Schedules"] == []


def test_a_newer_live_run_takes_the_endpoint_from_the_older(account: Account) -> None:
    first = start(account).until_deployed()
    first.promote()
    account.client("sagemaker").delete_endpoint(EndpointName="stratos-tiles")
    second = start(account).until_deployed()
    second.promote()
    assert "endpoint_name" not in account.row(first.run.run_id)
    assert account.row(second.run.run_id)["endpoint_name"] == "stratos-tiles"


def test_an_endpoint_carries_the_tags_of_the_run_whose_model_it_serves(account: Account) -> None:
    sagemaker = account.client("sagemaker")
    start(account).until_deployed().promote()
    second = start(account, hosting={"keep": True}).until_registered()
    second.promote()  # the endpoint was updated: its tags are still those of the first run
    arn = sagemaker.describe_endpoint(EndpointName="stratos-tiles")["EndpointArn"]
    # Stock moto appends a tag that is there already; SageMaker replaces it.
    tags = {tag["Key"]: tag["Value"] for tag in sagemaker.list_tags(ResourceArn=arn)["Tags"]}
    assert tags == {
        "stratos:stack": "Stratos",
        "stratos:run": second.run.run_id,
        "stratos:spec": "tiles",
        "stratos:expires": "never",
    }


def test_clients_come_home_also_if_the_stack_has_no_worker_regions_any_more(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.until_promoted()
    monkeypatch.setenv("WORKER_REGIONS", "")
    settings.cache_clear()
    at_home = start(fleet.account).until_deployed()
    promoted = at_home.promote()
    record = fleet.record()
    assert record is not None
    assert [one.endpoint_name for one in record.regions] == ["stratos-tiles"]
    # No state follows that would end the former endpoints and give the turn back.
    assert (promoted["drain_seconds"], promoted["former"]) == (None, [])
    start(fleet.account).until_registered().take_turn()


def test_regions_are_told_when_the_table_says_what_is_in_service(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.until_promoted()
    at_home = start(fleet.account).until_deployed()
    told = []

    def confirm_all(_: object) -> None:
        row = runs_table.in_charge(at_home.run.spec_key)
        told.append(row and row.run_id)

    monkeypatch.setattr(promote, "confirm_all", confirm_all)
    at_home.promote()
    assert told == [at_home.run.run_id]
