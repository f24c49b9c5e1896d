"""The sweeper on an account: what it finds, deletes and leaves."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT_ID
from moto.sagemaker.models import sagemaker_backends

from lambdas.aws import schedules
from lambdas.aws.clients import client
from lambdas.aws.settings import settings
from lambdas.handlers import sweep
from lambdas.serving import inventory
from stratos.errors import SweepIncomplete
from stratos.hosting.ownership import HOME_TAG, RUN_TAG, STACK_TAG, Resource
from stratos.pipeline.worker_jobs import WorkerJob
from tests.unit.lambdas.conftest import BUCKET, SPEC_KEY, Account
from tests.unit.lambdas.pipeline import call, start
from tests.unit.lambdas.two_regions import worker_job


def test_an_account_in_order_is_left_as_it_is(account: Account) -> None:
    start(account).until_promoted()
    before = account.resources()
    assert all(before.values())
    assert call(sweep.handler)["removed"] == []
    assert account.resources() == before


def test_an_endpoint_whose_time_is_over_goes_with_all_it_used(account: Account) -> None:
    run_id = start(account).until_promoted().run.run_id
    account.expire(run_id)
    removed = call(sweep.handler)["removed"]
    assert [item["kind"] for item in removed] == [
        "endpoint",
        "endpoint-config",
        "model",
        "schedule",
    ]
    assert not any(account.resources().values())
    assert "endpoint_name" not in account.row(run_id)
    assert call(sweep.handler)["removed"] == []


def test_a_dry_run_names_the_same_and_removes_nothing(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    run_id = start(account).until_promoted().run.run_id
    account.expire(run_id)
    before = account.resources()
    told = call(sweep.handler, dry_run=True)
    assert (told["dry_run"], account.resources()) == (True, before)
    capsys.readouterr()
    assert call(sweep.handler)["removed"] == told["removed"]
    metrics = [
        json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line
    ]
    assert [line[sweep.METRIC] for line in metrics] == [[float(len(told["removed"]))]]


def test_a_run_that_goes_on_keeps_what_it_makes(account: Account) -> None:
    start(account).until_deployed()
    assert call(sweep.handler)["removed"] == []


def test_a_run_whose_execution_ended_unnoticed_keeps_nothing(account: Account) -> None:
    start(account).until_deployed()
    account.stop_execution()
    removed = call(sweep.handler)["removed"]
    assert {item["kind"] for item in removed} == {"endpoint", "endpoint-config", "model"}
    assert not any(account.resources().values())


def test_what_others_made_is_not_touched(account: Account) -> None:
    sagemaker = account.client("sagemaker")
    sagemaker.create_model(
        ModelName="stratos-like", ExecutionRoleArn="arn:aws:iam::123456789012:role/other"
    )
    assert call(sweep.handler)["removed"] == []
    assert account.resources()["models"] == {"stratos-like"}


def test_what_a_run_of_another_stack_made_is_not_touched_and_what_has_no_stack_is_of_the_first(
    account: Account,
) -> None:
    sagemaker = account.client("sagemaker")
    gone = {"Key": "stratos:run", "Value": "gone-0123abcd"}
    for name, tags in {
        "stratos-gone-0123abcd-a0": [gone],
        "stratos-gone-0123abcd-a1": [gone, {"Key": "stratos:stack", "Value": "StratosDev"}],
        "stratos-gone-0123abcd-a2": [gone, {"Key": "stratos:stack", "Value": "Stratos"}],
    }.items():
        sagemaker.create_model(
            ModelName=name, ExecutionRoleArn="arn:aws:iam::123456789012:role/r", Tags=tags
        )
    removed = {item["name"] for item in call(sweep.handler)["removed"]}
    assert removed == {"stratos-gone-0123abcd-a0", "stratos-gone-0123abcd-a2"}
    assert account.resources()["models"] == {"stratos-gone-0123abcd-a1"}


def test_what_has_no_name_of_the_stack_is_not_even_asked_for_its_tags(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    sagemaker = client("sagemaker")
    all_models = [
        {"ModelName": name, "ModelArn": f"arn:aws:sagemaker:us-east-1:1:model/{name}"}
        for name in ("stratosdev-shared-a0", "copy-of-stratos-shared-a0", "stratos-shared-a0")
    ]
    jobs = [
        {"TransformJobName": name, "TransformJobArn": f"arn:aws:sagemaker:::transform-job/{name}"}
        for name in ("stratosdev-shared-b0", "old-stratos-shared-b0", "stratos-shared-b0")
    ]
    answers = {
        "list_models": {"Models": all_models},
        "list_transform_jobs": {"TransformJobSummaries": jobs},
    }
    paginator_of = sagemaker.get_paginator

    def paginator(operation: str) -> Any:
        if operation in answers:
            return SimpleNamespace(
                paginate=lambda **filters: (
                    [answers[operation]] if filters.get("StatusEquals") != "Stopping" else []
                )
            )
        if operation == "list_tags":
            return SimpleNamespace(
                paginate=lambda **named: asked.append(named["ResourceArn"]) or []
            )
        return paginator_of(operation)

    monkeypatch.setattr(sagemaker, "get_paginator", paginator)
    assert call(sweep.handler)["removed"] == []
    assert [arn.rpartition("/")[2] for arn in asked] == ["stratos-shared-a0", "stratos-shared-b0"]


def test_a_deleted_run_is_read_as_any_other(account: Account) -> None:
    run_id = start(account).until_promoted().run.run_id
    account.change(run_id, status="deleted")
    assert call(sweep.handler)["removed"] == []


def test_what_cannot_be_removed_is_named_and_does_not_keep_the_rest(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = start(account).until_promoted().run.run_id
    account.expire(run_id)
    refusing = account.client("sagemaker")

    def refuse(name: str) -> None:
        refusing.delete_model(ModelName=f"{name}-absent")  # what SageMaker says of it

    monkeypatch.setattr(sweep, "_REMOVE", {**sweep._REMOVE, "model": refuse})
    with pytest.raises(SweepIncomplete, match=r"1 of 4 resources .* next sweep tries again"):
        call(sweep.handler)
    left = account.resources()
    assert left["models"]
    assert not left["endpoints"]
    assert not left["schedules"]


def test_what_no_time_is_left_for_is_named_and_goes_with_the_next_sweep(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = start(account).until_promoted().run.run_id
    account.expire(run_id)
    before = account.resources()
    with monkeypatch.context() as patched:
        patched.setattr(sweep, "PATIENCE_SECONDS", -1)
        with pytest.raises(SweepIncomplete, match=r"4 of 4 .* endpoint stratos-tiles: no time was"):
            call(sweep.handler)
    assert account.resources() == before
    assert account.row(run_id)["endpoint_name"] == "stratos-tiles"  # so it is known to be over
    assert len(call(sweep.handler)["removed"]) == 4


def test_an_endpoint_that_a_run_took_the_turn_at_during_the_sweep_is_left_to_it(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = start(account).until_promoted()
    account.expire(live.run.run_id)
    taking = start(account).until_matched()
    listed = sweep.turns.all_held

    def listed_before_the_turn() -> list[Any]:
        held = list(listed())
        sweep.turns.take(taking.run, "stratos-tiles")
        return held

    with monkeypatch.context() as patched:
        patched.setattr(sweep.turns, "all_held", listed_before_the_turn)
        with pytest.raises(SweepIncomplete, match=f"run {taking.run.run_id} has had the turn"):
            call(sweep.handler)
    assert account.resources()["endpoints"] == {"stratos-tiles"}
    assert account.row(live.run.run_id)["endpoint_name"] == "stratos-tiles"


def alarms(account: Account) -> set[str]:
    found = account.client("cloudwatch").describe_alarms()["MetricAlarms"]
    return {alarm["AlarmName"] for alarm in found}


def test_the_alarms_of_an_update_whose_run_is_over_go_and_no_others(account: Account) -> None:
    cloudwatch = account.client("cloudwatch")
    pipeline = start(account).until_deployed()
    mine = pipeline.state["quality"]["deployment"]["guardrails"]["alarms"]
    others = {"stratos-errors", "stratos-other-backlog", "stratos-of-somebody-else-latency"}
    for alarm in [*mine, *({**mine[0], "AlarmName": name} for name in others)]:
        cloudwatch.put_metric_alarm(**alarm)
    assert call(sweep.handler)["removed"] == []
    pipeline.promote()
    pipeline.report()
    named = [item["name"] for item in call(sweep.handler, dry_run=True)["removed"]]
    assert set(named) == {alarm["AlarmName"] for alarm in mine} == alarms(account) - others
    assert [item["kind"] for item in call(sweep.handler)["removed"]] == ["alarm", "alarm"]
    assert alarms(account) == others


def test_a_rerun_whose_spec_was_deleted_goes(account: Account) -> None:
    start(account, schedule="rate(7 days)").until_promoted()
    assert call(sweep.handler)["removed"] == []
    account.client("s3").delete_object(Bucket=BUCKET, Key=SPEC_KEY)
    told = call(sweep.handler, dry_run=True)["removed"]
    gone = {
        "kind": "rerun",
        "name": "stratos-rerun-tiles",
        "reason": "its spec is gone",
        "region": "",
    }
    assert told == [gone]
    assert "stratos-rerun-tiles" in account.resources()["schedules"]
    assert call(sweep.handler)["removed"] == told
    assert account.resources()["schedules"] == {"stratos-tiles-expiry"}


def test_the_end_of_an_endpoint_whose_spec_is_named_like_a_rerun_is_no_rerun(
    account: Account,
) -> None:
    in_a_day = datetime.now(UTC) + timedelta(days=1)
    name = schedules.schedule_deletion("stratos-rerun-tiles", in_a_day, None)
    gone = {"kind": "schedule", "name": name, "reason": "its endpoint is gone", "region": ""}
    assert call(sweep.handler)["removed"] == [gone]
    assert account.resources()["schedules"] == set()


def test_an_endpoint_whose_time_is_over_goes_though_a_run_of_its_spec_trains(
    account: Account,
) -> None:
    live = start(account).until_promoted()
    account.expire(live.run.run_id)
    training = start(account).until_matched()
    assert training.run.run_id != live.run.run_id
    removed = call(sweep.handler)["removed"]
    assert [item["kind"] for item in removed] == ["endpoint", "schedule"]
    assert account.resources()["endpoints"] == set()
    assert "endpoint_name" not in account.row(live.run.run_id)


def create_running(worker: WorkerJob, region: str, home: str = "") -> None:
    """A running job of the stack, or of another of its name."""
    tags = {RUN_TAG: worker.run.run_id, STACK_TAG: "Stratos"}
    tags |= {HOME_TAG: home} if home else {}
    boto3.client("sagemaker", region_name=region).create_training_job(
        TrainingJobName=worker.job.name,
        AlgorithmSpecification={"TrainingImage": "image", "TrainingInputMode": "File"},
        OutputDataConfig=worker.job.output_data_config,
        ResourceConfig=worker.job.resource_config,
        StoppingCondition=worker.job.stopping_condition,
        RoleArn="arn:aws:iam::123456789012:role/training",
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
    )
    jobs = sagemaker_backends[ACCOUNT_ID][region].training_jobs
    jobs[worker.job.name].training_job_status = "InProgress"


@pytest.fixture
def stopped(account: Account, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Jobs that a sweeper with two worker regions has stopped, and where."""
    monkeypatch.setenv("WORKER_REGIONS", "eu-west-1,eu-central-1")
    settings.cache_clear()
    seen: list[tuple[str, str]] = []
    monkeypatch.setattr(
        "lambdas.aws.sagemaker.stop_job", lambda name, region: seen.append((name, region))
    )
    return seen


def answer_by(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Let one region answer with an error."""
    in_region = inventory.in_region

    def answering(region: str) -> list[Resource]:
        if region == "eu-central-1":
            raise error
        return in_region(region)

    monkeypatch.setattr(inventory, "in_region", answering)


def test_jobs_in_every_region_that_answers_are_looked_at(
    account: Account, stopped: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = worker_job(start(account).until_promoted().run.run_id)
    create_running(worker, "eu-west-1", home="us-east-1")
    answer_by(monkeypatch, EndpointConnectionError(endpoint_url="https://sagemaker"))
    found = call(sweep.handler)
    assert [(one["name"], one["region"]) for one in found["removed"]] == [
        (worker.job.name, "eu-west-1")
    ]
    assert stopped == [(worker.job.name, "eu-west-1")]
    assert list(found["unreached"]) == ["eu-central-1"]


def test_a_region_that_lets_nobody_look_is_told_once_all_others_are_swept(
    account: Account, stopped: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = worker_job(start(account).until_promoted().run.run_id)
    create_running(worker, "eu-west-1", home="us-east-1")
    denied = {"Error": {"Code": "AccessDeniedException", "Message": "not authorized"}}
    answer_by(monkeypatch, ClientError(denied, "ListTrainingJobs"))
    with pytest.raises(SweepIncomplete, match=r"what is in 1 regions .* eu-central-1: "):
        call(sweep.handler)
    assert stopped == [(worker.job.name, "eu-west-1")]


def test_jobs_of_a_stack_of_the_same_name_with_another_home_are_left_alone(
    account: Account, stopped: list[tuple[str, str]]
) -> None:
    create_running(worker_job("of-that-region"), "eu-west-1")
    create_running(worker_job("handed-over"), "eu-west-1", home="ap-south-1")
    create_running(worker_job("worked-here"), "us-east-1", home="eu-west-1")
    assert call(sweep.handler)["removed"] == []
    assert stopped == []
