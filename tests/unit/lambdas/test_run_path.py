"""A run from the upload to the report."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.stub import Stubber

from lambdas.aws import sagemaker
from lambdas.aws.sagemaker import Endpoint
from lambdas.handlers import claim_run
from stratos.contracts.bucket import RunKeys
from stratos.contracts.jobs import AnyJobConfig
from stratos.contracts.match import MatchEvidence
from stratos.contracts.measurements import Measurements
from stratos.contracts.plan import Plan
from stratos.errors import DeploymentFailed, DuplicateEvent, NoFeasiblePlan, Rejection, SpecRejected
from stratos.pipeline.steps import TrainingJob
from stratos.pipeline.summary import REJECTED_RUNS, RunSummary
from tests import factories
from tests.summaries import measurement
from tests.unit.lambdas.conftest import BUCKET, SPEC_KEY, Account
from tests.unit.lambdas.pipeline import Pipeline, call, start

# --- ClaimRun ---------------------------------------------------------------------------------


def test_the_same_event_is_one_run_whichever_execution_comes_first(account: Account) -> None:
    event = account.event(account.drop())
    first = claim(account, event)
    assert claim(account, event) == first
    with pytest.raises(DuplicateEvent, match=first["run_id"]):
        call(
            claim_run.handler,
            event=event,
            execution_arn="another",
            started_at="2026-01-01T00:00:00Z",
        )


def test_a_new_version_of_a_spec_is_a_new_run(account: Account) -> None:
    first, second = account.drop(), account.drop()
    assert (
        claim(account, account.event(first))["run_id"]
        != claim(account, account.event(second))["run_id"]
    )


def test_a_rerun_takes_the_newest_version_and_one_run_for_each_time(account: Account) -> None:
    newest = [account.drop(), account.drop()][-1]
    rerun = {"rerun": {"bucket": BUCKET, "key": SPEC_KEY}, "scheduled_at": "2026-01-05T06:00:00Z"}
    run = claim(account, rerun)
    assert (run["spec_version_id"], run["rerun"]) == (newest, True)
    later = claim(account, rerun | {"scheduled_at": "2026-01-12T06:00:00Z"})
    assert later["run_id"] != run["run_id"]


def test_a_rerun_of_a_deleted_spec_says_what_to_do(account: Account) -> None:
    with pytest.raises(SpecRejected, match="delete the schedule"):
        claim(account, {"rerun": {"bucket": BUCKET, "key": SPEC_KEY}})


def test_an_event_of_another_shape_is_refused_with_an_example(account: Account) -> None:
    with pytest.raises(ValueError, match="'detail' is missing"):
        claim(account, {"Records": []})


def claim(account: Account, event: dict[str, object]) -> dict[str, object]:
    return call(
        claim_run.handler,
        event=event,
        execution_arn=account.execution_arn,
        started_at="2026-01-05T10:00:00Z",
    )


# --- ParseConstraints -------------------------------------------------------------------------


def test_a_good_spec_is_written_with_its_defaults(account: Account) -> None:
    pipeline = start(account, schedule="rate(7 days)")
    parsed = pipeline.parse()
    assert (parsed["name"], parsed["schedule"]) == ("tiles", "rate(7 days)")
    written = json.loads(account.read(RunKeys(pipeline.run.run_id).spec))
    assert written["training"]["optimizer"] == "adamw"
    assert account.row(pipeline.run.run_id)["spec_name"] == "tiles"


def test_the_time_zone_of_a_schedule_is_passed_on(account: Account) -> None:
    zoned = {"schedule": "cron(0 9 ? * MON *)", "schedule_timezone": "Europe/Berlin"}
    assert start(account, **zoned).parse()["schedule_timezone"] == "Europe/Berlin"
    assert start(account, schedule="rate(7 days)").parse()["schedule_timezone"] == "UTC"


def test_a_schedule_that_scheduler_would_refuse_is_refused_with_the_spec(account: Account) -> None:
    pipeline = start(account, schedule="cron(0 9 * * MON *)")
    with pytest.raises(SpecRejected, match=r"Write cron\(0 9 \? \* MON \*\)"):
        pipeline.parse()
    rejection = Rejection.model_validate_json(account.read("specs/tiles/rejection.json"))
    assert [problem.path for problem in rejection.problems] == ["schedule"]


def test_a_bad_spec_leaves_every_problem_in_rejection_json(account: Account) -> None:
    task = factories.spec_dict()["task"] | {"dataset": "absent.jsonl", "checkr": "checks.py"}
    pipeline = start(account, task=task, constraints={"min_accuracy": 1.2})
    with pytest.raises(SpecRejected):
        pipeline.parse()
    rejection = Rejection.model_validate_json(account.read("specs/tiles/rejection.json"))
    assert {problem.path for problem in rejection.problems} == {
        "task.dataset",
        "task.checkr",
        "constraints.min_accuracy",
    }
    assert all(problem.line for problem in rejection.problems)
    assert rejection.spec_version_id == pipeline.run.spec_version_id
    assert account.keys("runs/") == []


def test_a_spec_that_is_not_named_like_its_folder_is_refused(account: Account) -> None:
    pipeline = start(account, name="other")
    with pytest.raises(SpecRejected, match=r"'other' lies in the folder 'tiles'.*specs/other/"):
        pipeline.parse()
    rejection = Rejection.model_validate_json(account.read("specs/tiles/rejection.json"))
    assert [(problem.path, problem.line) for problem in rejection.problems] == [("name", 2)]


# --- InspectDataset ---------------------------------------------------------------------------


def test_the_dataset_is_split_without_sharing_groups(account: Account) -> None:
    pipeline = start(account)
    pipeline.parse()
    dataset = pipeline.inspect()
    keys = RunKeys(pipeline.run.run_id)
    groups = {
        split: {
            json.loads(line)["group"]
            for line in account.read(f"{keys.dataset}{split}.jsonl").splitlines()
        }
        for split in ("train", "probe", "heldout")
    }
    counts = (dataset["num_train"], dataset["num_probe"], dataset["num_heldout"])
    assert counts == (300, 40, 60)
    assert not groups["train"] & (groups["probe"] | groups["heldout"])
    assert not groups["probe"] & groups["heldout"]


@pytest.mark.parametrize("changed", ["nothing", "dataset.jsonl", "models/student/config.json"])
def test_a_rerun_is_unchanged_only_while_every_input_is(account: Account, changed: str) -> None:
    first = start(account).until_deployed()
    first.promote()
    first.report()
    files = factories.spec_folder()
    if changed != "nothing":
        account.put(f"specs/tiles/{changed}", files[changed] + b"\n")
    again = Pipeline(
        account,
        first.run.model_copy(update={"run_id": "tiles-rerun", "rerun": True}),
    )
    again.parse()
    assert again.inspect()["unchanged"] is (changed == "nothing")


def test_an_upload_runs_even_if_nothing_changed(account: Account) -> None:
    first = start(account).until_deployed()
    first.promote()
    first.report()
    again = Pipeline(account, first.run.model_copy(update={"run_id": "tiles-again"}))
    again.parse()
    assert again.inspect()["unchanged"] is False


# --- PlanCandidates and MatchModels -----------------------------------------------------------


def test_probes_are_prepared_for_the_candidates_of_the_plan(account: Account) -> None:
    candidates = start(account).until_planned().state["candidates"]
    probes = [TrainingJob.model_validate(job) for job in candidates["probes"]]
    assert [job.step for job in probes] == ["probe-t0", "probe-s0"]
    for job in probes:
        assert job.hyper_parameters["sagemaker_program"] == "training/probe.py"
        assert set(channels(job)) == {"config", "dataset", "model", "checker"}
        assert channels(job)["dataset"].endswith("/dataset/probe.jsonl")
    assert channels(probes[1])["model"] == f"s3://{BUCKET}/specs/tiles/models/student/"


def test_the_checker_is_kept_as_it_was_when_the_run_began(account: Account) -> None:
    pipeline = start(account).until_planned()
    kept = account.read(RunKeys(pipeline.run.run_id).checker + "checker.py")
    assert kept == factories.spec_folder()["checks.py"]


def test_a_teacher_that_fails_but_can_explain_is_matched_with_injection(account: Account) -> None:
    match = start(account).until_matched().state["match"]
    assert match["strategy"] == "injection"
    assert (match["teacher"], match["student"]) == ("teacher", "student")


def test_every_job_of_a_match_is_a_request_that_sagemaker_accepts(account: Account) -> None:
    pipeline = start(account).until_matched()
    jobs = [
        *pipeline.state["candidates"]["probes"],
        *(pipeline.state["match"][name] for name in ("synthesize", "distill", "evaluate")),
    ]
    client = account.client("sagemaker")
    for job in (TrainingJob.model_validate(job) for job in jobs):
        request = request_of(job)
        with Stubber(client) as stubber:
            stubber.add_response("create_training_job", {"TrainingJobArn": "a" * 60}, request)
            client.create_training_job(**request)
        assert len(job.name) <= 63
        assert all(len(value) <= 2500 for value in job.hyper_parameters.values())


def test_jobs_see_only_what_they_need(account: Account) -> None:
    match = start(account).until_matched().state["match"]
    synthesize = TrainingJob.model_validate(match["synthesize"])
    distill = TrainingJob.model_validate(match["distill"])
    assert channels(synthesize)["dataset"].endswith("/dataset/train.jsonl")
    assert set(channels(distill)) == {"config", "records", "student", "checker"}
    assert channels(distill)["records"].endswith("/records/a0/")


def test_configurations_parse_as_what_their_jobs_read(account: Account) -> None:
    from pydantic import TypeAdapter

    pipeline = start(account).until_matched()
    keys = RunKeys(pipeline.run.run_id)
    adapter: TypeAdapter[AnyJobConfig] = TypeAdapter(AnyJobConfig)
    kinds = {
        step: adapter.validate_json(account.read(keys.job_config(step) + "config.json")).kind
        for step in ("probe-t0", "probe-s0", "synthesize-a0", "distill-a0", "evaluate-a0")
    }
    assert kinds == {
        "probe-t0": "probe",
        "probe-s0": "probe",
        "synthesize-a0": "synthesize",
        "distill-a0": "distill",
        "evaluate-a0": "evaluate",
    }


def test_probes_that_all_failed_leave_nothing_to_match(account: Account) -> None:
    pipeline = start(account).until_planned()
    pipeline.probe()
    pipeline.state["probes"][0]["failed"] = "TeacherFailed: 401"
    with pytest.raises(NoFeasiblePlan, match=r"every teacher probe failed.*401"):
        pipeline.match()


def request_of(job: TrainingJob) -> dict[str, object]:
    """As the state machine fills it in."""
    return {
        "TrainingJobName": job.name,
        "AlgorithmSpecification": {"TrainingImage": job.image_uri, "TrainingInputMode": "File"},
        "HyperParameters": job.hyper_parameters,
        "InputDataConfig": job.input_data_config,
        "OutputDataConfig": job.output_data_config,
        "ResourceConfig": job.resource_config,
        "StoppingCondition": job.stopping_condition,
        "CheckpointConfig": job.checkpoint_config,
        "Environment": job.environment,
        "EnableManagedSpotTraining": job.spot,
        "RoleArn": "arn:aws:iam::123456789012:role/training",
    }


def channels(job: TrainingJob) -> dict[str, str]:
    return {
        channel["ChannelName"]: channel["DataSource"]["S3DataSource"]["S3Uri"]
        for channel in job.input_data_config
    }


# --- CheckQuality, Promote, Report ------------------------------------------------------------


def test_a_student_that_passes_is_given_a_deployment(account: Account) -> None:
    pipeline = start(account).until_matched()
    pipeline.work(right=45)
    quality = pipeline.check()
    assert quality["passed"], quality["reason"]
    deployment = quality["deployment"]
    assert deployment["endpoint_name"] == "stratos-tiles"
    assert (deployment["replaces_live"], deployment["previous_config_name"]) == (False, None)
    tags = {tag["Key"]: tag["Value"] for tag in deployment["tags"]}
    assert tags["stratos:run"] == pipeline.run.run_id


def test_a_deployment_is_made_of_requests_that_sagemaker_accepts(account: Account) -> None:
    pipeline = start(account).until_matched()
    pipeline.work()
    deployment = pipeline.check()["deployment"]
    client = account.client("sagemaker")
    package = deployment["model_package"] | {"ModelPackageGroupName": "stratos"}
    config = {
        "EndpointConfigName": deployment["endpoint_config_name"],
        "ProductionVariants": [deployment["production_variant"]],
        "Tags": deployment["tags"],
    }
    with Stubber(client) as stubber:
        stubber.add_response("create_model_package", {"ModelPackageArn": "arn:p"}, package)
        client.create_model_package(**package)
        stubber.add_response("create_endpoint_config", {"EndpointConfigArn": "a" * 30}, config)
        client.create_endpoint_config(**config)


def test_the_last_student_that_misses_its_gate_ends_the_run_with_the_reason(
    account: Account,
) -> None:
    pipeline = start(account).until_matched()
    pipeline.work(right=4)
    quality = pipeline.check()
    assert (quality["passed"], quality["next_attempt"], quality["deployment"]) == (
        False,
        None,
        None,
    )
    assert "misses min_accuracy 0.05" in quality["reason"]
    assert "no other student" in quality["reason"]


def test_a_student_no_better_than_untuned_does_not_pass(account: Account) -> None:
    pipeline = start(account, constraints={})
    pipeline.until_matched()
    pipeline.work(right=20, untuned=18)
    quality = pipeline.check()
    assert not quality["passed"]
    assert "does not beat the untuned student" in quality["reason"]


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


def test_a_spec_that_names_another_kind_than_its_endpoint_has_is_refused_before_it_costs(
    account: Account,
) -> None:
    start(account).until_deployed().promote()
    second = start(account, hosting={"mode": "serverless"})
    second.parse()
    second.inspect()
    with pytest.raises(DeploymentFailed, match="keeps its kind"):
        second.plan()


RARE: dict[str, Any] = {
    "load": {
        "requests_per_second": 0.2,
        "mean_requests_per_second": 0.01,
        "active_hours_per_day": 2,
    },
    "hosting": {"max_cold_start_seconds": 60},
    "preferences": {"accuracy": 0, "latency": 0, "time": 0, "cost": 1},
}
"""Traffic that serverless is the cheapest for."""


def plan_of(pipeline: Pipeline) -> Plan:
    key = RunKeys(pipeline.run.run_id).match
    return MatchEvidence.model_validate_json(pipeline.account.read(key)).plan


def test_the_mode_of_the_plan_is_what_is_deployed(account: Account) -> None:
    limits = {"min_accuracy": 0.05, "max_usd_per_1000_requests": 0.5}
    pipeline = start(account, **RARE, constraints=limits).until_planned()
    assert "served on a serverless endpoint" in pipeline.state["candidates"]["summary"]
    pipeline.probe()
    pipeline.match()
    assert plan_of(pipeline).hosting.mode == "serverless"
    pipeline.work()
    quality = pipeline.check()
    assert quality["deployment"]["hosting"]["mode"] == "serverless"
    assert "serverless $" in quality["reason"]
    assert "planned as" not in quality["reason"]
    assert pipeline.take_turn()["production_variant"]["ServerlessConfig"]["MemorySizeInMB"] == 2048


def test_the_plan_keeps_the_kind_of_the_endpoint_in_service(account: Account) -> None:
    start(account).until_deployed().promote()
    second = start(account, **RARE).until_matched()
    hosting = plan_of(second).hosting
    assert hosting.mode == "realtime"
    assert hosting.reason.startswith("the endpoint in service is realtime, and stays so")


def test_an_endpoint_that_is_being_deleted_binds_no_plan(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    going = Endpoint("stratos-tiles", "config", "Deleting", "realtime")
    monkeypatch.setattr(sagemaker, "find_endpoint", lambda name: going)
    assert plan_of(start(account, **RARE).until_matched()).hosting.mode == "serverless"


def test_an_endpoint_that_came_while_the_model_was_trained_keeps_its_kind(
    account: Account,
) -> None:
    slower = start(account, **RARE).until_matched()
    start(account).until_deployed().promote()
    slower.work()
    deployment = slower.check()["deployment"]
    assert deployment["hosting"]["mode"] == "realtime"
    assert deployment["hosting"]["reason"].startswith("planned as serverless; the endpoint in")


def test_a_spec_that_asks_no_longer_for_reruns_or_an_end_loses_both(account: Account) -> None:
    start(account, schedule="rate(7 days)").until_deployed().promote()
    account.client("sagemaker").delete_endpoint(EndpointName="stratos-tiles")
    second = start(account, hosting={"keep": True}).until_deployed()
    promoted = second.promote()
    assert (promoted["schedule_name"], promoted["expires_at"]) == (None, None)
    assert account.client("scheduler").list_schedules(GroupName="stratos")["Schedules"] == []


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


def rerun_of_tiles(account: Account) -> dict[str, Any]:
    scheduler = account.client("scheduler")
    found: dict[str, Any] = scheduler.get_schedule(Name="stratos-rerun-tiles", GroupName="stratos")
    return found


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


def test_a_newer_live_run_takes_the_endpoint_from_the_older(account: Account) -> None:
    first = start(account).until_deployed()
    first.promote()
    account.client("sagemaker").delete_endpoint(EndpointName="stratos-tiles")
    second = start(account).until_deployed()
    second.promote()
    assert "endpoint_name" not in account.row(first.run.run_id)
    assert account.row(second.run.run_id)["endpoint_name"] == "stratos-tiles"


def test_the_report_of_a_good_run_holds_what_was_asked_predicted_and_measured(
    account: Account,
) -> None:
    pipeline = start(account).until_deployed()
    pipeline.promote()
    reported = pipeline.report()
    keys = RunKeys(pipeline.run.run_id)
    summary = RunSummary.model_validate_json(account.read(keys.summary))
    assert reported["status"] == summary.status == "succeeded"
    accuracy = next(row for row in summary.constraints if row.name == "min_accuracy")
    assert accuracy.measured is not None
    assert (accuracy.asked, accuracy.passed) == (0.05, True)
    assert accuracy.predicted is not None
    assert summary.strategy is not None
    assert summary.strategy.choice == "injection"
    assert summary.endpoint is not None
    assert account.read(keys.report).startswith(b"<!doctype html>")
    assert account.row(pipeline.run.run_id)["status"] == "succeeded"


def test_calibration_is_learned_once_even_if_the_report_is_written_twice(account: Account) -> None:
    pipeline = start(account).until_deployed()
    pipeline.promote()
    pipeline.report()
    pipeline.report()
    rows = [json.loads(line) for line in account.read("catalog/calibration.jsonl").splitlines()]
    quantities = [row["quantity"] for row in rows]
    assert len(quantities) == len(set(quantities))
    assert {"accuracy", "p95_latency_ms", "training_tokens_per_second"} <= set(quantities)


@pytest.mark.parametrize(("mode", "learned"), [("realtime", True), ("async", False)])
def test_latency_is_learned_only_where_the_planned_server_answered_in_the_call(
    account: Account, mode: str, learned: bool
) -> None:
    pipeline = start(account, hosting={"mode": mode}).until_deployed()
    keys = RunKeys(pipeline.run.run_id)
    plan = MatchEvidence.model_validate_json(account.read(keys.match)).plan
    item = measurement(plan).model_copy(update={"mode": mode})
    measured = Measurements(measured=(item,))
    account.put(keys.measurements, measured.model_dump_json())
    pipeline.promote()
    pipeline.report()
    rows = [json.loads(line) for line in account.read("catalog/calibration.jsonl").splitlines()]
    assert ("p95_latency_ms" in {row["quantity"] for row in rows}) is learned


def test_a_failure_is_reported_in_words(account: Account) -> None:
    pipeline = start(account)
    pipeline.parse()
    cause = json.dumps({"errorType": "DatasetRejected", "errorMessage": "too few records"})
    pipeline.state["failure"] = {"Error": "DatasetRejected", "Cause": cause}
    pipeline.report("rejected")
    summary = RunSummary.model_validate_json(account.read(RunKeys(pipeline.run.run_id).summary))
    assert summary.reason == "DatasetRejected: too few records"
    assert "DatasetRejected: too few records" in account.notices()[0]


def test_a_refused_run_is_counted_and_any_other_end_is_not(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    def counted() -> list[dict[str, object]]:
        lines = [line for line in capsys.readouterr().out.splitlines() if REJECTED_RUNS in line]
        return [json.loads(line) for line in lines]

    pipeline = start(account)
    pipeline.report("failed")
    assert counted() == []
    pipeline.report("rejected")
    (metric,) = counted()
    assert metric[REJECTED_RUNS] == [1.0]
    for decided in ("ApprovalRejected", "ApprovalTimedOut"):
        pipeline.state["failure"] = {"Error": decided, "Cause": "by ann"}
        pipeline.report("failed")
        assert len(counted()) == 1
    assert metric["service"] == "stratos"
