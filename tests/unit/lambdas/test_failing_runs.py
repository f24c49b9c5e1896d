"""Jobs that fail, endpoints that are too slow, executions that are cut short."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from lambdas.aws import runs_table, sagemaker, scaling
from lambdas.aws import settings as stack_settings
from lambdas.aws.clients import client
from lambdas.handlers import clean_up, diagnose_job
from lambdas.jobs.retries import EXPORT_SECONDS
from lambdas.jobs.spending import job_costs
from lambdas.serving import leftovers, turns
from stratos.contracts.bucket import RunKeys
from stratos.contracts.records import Message
from stratos.errors import DeploymentFailed, EndpointUnsettled
from stratos.hosting.deployment import EndpointDeployment
from stratos.pipeline.steps import TrainingJob
from stratos.pipeline.summary import RunSummary
from stratos.waiting import within
from tests import factories
from tests.unit.lambdas.conftest import Account
from tests.unit.lambdas.pipeline import Pipeline, call, start
from tests.unit.training.fakes import PaidTeacher
from training.teachers import Request
from training.teachers.cached import CachedTeacher

# --- Diagnose ---------------------------------------------------------------------------------


def diagnose(pipeline: Pipeline, job: dict[str, Any], reason: str, **described: Any) -> Any:
    """Diagnose a job that failed with a reason, as its `.sync` task reports it."""
    cause = {
        "TrainingJobName": job["name"],
        "TrainingJobStatus": "Failed",
        "FailureReason": reason,
    } | described
    failure = {"Error": "States.TaskFailed", "Cause": json.dumps(cause)}
    return call(diagnose_job.handler, run=pipeline.run, job=job, failure=failure)


def test_a_crash_is_tried_again_twice_under_new_names_with_the_same_checkpoints(
    account: Account,
) -> None:
    pipeline = start(account).until_matched()
    job = pipeline.state["match"]["distill"]
    names = {job["name"]}
    for _ in range(2):
        diagnosis = diagnose(pipeline, job, "AlgorithmError: , exit code: 137")
        assert (diagnosis["outcome"], diagnosis["retry"]) == ("crash", True)
        assert diagnosis["job"]["checkpoint_config"] == job["checkpoint_config"]
        job = diagnosis["job"]
        names.add(job["name"])
    assert len(names) == 3
    last = diagnose(pipeline, job, "AlgorithmError: , exit code: 137")
    assert (last["retry"], last["job"]) == (False, job)
    assert "SIGKILL" in last["reason"]


def test_no_capacity_moves_to_another_server_at_its_price(account: Account) -> None:
    pipeline = start(account).until_matched()
    job = pipeline.state["match"]["distill"]
    diagnosis = diagnose(pipeline, job, "CapacityError: Unable to provision")
    assert (diagnosis["outcome"], diagnosis["retry"]) == ("capacity", True)
    moved = TrainingJob.model_validate(diagnosis["job"])
    before, after = job["resource_config"]["InstanceType"], moved.resource_config["InstanceType"]
    assert {before, after} == {"ml.local.cpu1", "ml.local.cpu2"}
    key = RunKeys(pipeline.run.run_id).job_config("distill-a0") + "config.json"
    assert json.loads(account.read(key))["usd_per_hour"] == moved.usd_per_hour


def test_training_elsewhere_starts_the_processes_that_were_planned_there(account: Account) -> None:
    pipeline = start(account).until_matched()
    job = pipeline.state["match"]["distill"]
    assert job["environment"]["STRATOS_PROCESSES_PER_HOST"] == "1"
    key = RunKeys(pipeline.run.run_id).match
    evidence = json.loads(account.read(key))
    here = job["resource_config"]["InstanceType"]
    for plan in (
        *evidence["matching"]["plans"]["fallbacks"],
        *evidence["matching"]["plans"]["front"],
    ):
        if plan["training"]["instance_type"] != here:
            plan["training"]["devices"] = 4
    account.put(key, json.dumps(evidence))
    moved = diagnose(pipeline, job, "CapacityError: Unable to provision")["job"]
    kept = job["environment"] | {"STRATOS_PROCESSES_PER_HOST": "4"}
    assert moved["environment"] == kept
    assert "STRATOS_PROCESSES_PER_HOST" not in pipeline.state["match"]["evaluate"]["environment"]


def test_what_a_person_must_mend_is_not_tried_again(account: Account) -> None:
    pipeline = start(account).until_matched()
    job = pipeline.state["match"]["synthesize"]
    diagnosis = diagnose(pipeline, job, "AlgorithmError: TooFewVerifiedRecords: kept 3 of 300")
    assert (diagnosis["outcome"], diagnosis["retry"]) == ("user_error", False)
    assert diagnosis["reason"] == "TooFewVerifiedRecords: kept 3 of 300"


def test_training_that_ran_out_of_time_exports_its_best_checkpoint(account: Account) -> None:
    pipeline = start(account).until_matched()
    job = pipeline.state["match"]["distill"]
    described = {"TrainingJobStatus": "Stopped", "SecondaryStatus": "MaxRuntimeExceeded"}
    diagnosis = diagnose(pipeline, job, "", **described)
    assert (diagnosis["outcome"], diagnosis["retry"]) == ("timeout", True)
    key = RunKeys(pipeline.run.run_id).job_config("distill-a0") + "config.json"
    assert json.loads(account.read(key))["deadline_seconds"] == EXPORT_SECONDS
    assert not diagnose(pipeline, diagnosis["job"], "", **described)["retry"]


# --- CleanUp ----------------------------------------------------------------------------------

FAILURE = {"Error": "LatencyGateError", "Cause": json.dumps({"errorMessage": "too slow"})}


def test_an_endpoint_that_was_not_promoted_is_deleted_with_all_it_was_made_of(
    account: Account,
) -> None:
    pipeline = start(account).until_deployed()
    cleaned = call(clean_up.handler, run=pipeline.run, failure=FAILURE)
    assert len(cleaned["deleted"]) == 3
    assert cleaned["reason"] == "LatencyGateError: too slow"
    sagemaker = account.client("sagemaker")
    assert sagemaker.list_endpoints()["Endpoints"] == []
    assert sagemaker.list_endpoint_configs()["EndpointConfigs"] == []
    assert sagemaker.list_models()["Models"] == []
    again = call(clean_up.handler, run=pipeline.run, failure=FAILURE)
    assert again["deleted"] == []


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


def test_the_bounds_of_a_promotion_that_failed_go_with_its_endpoint(account: Account) -> None:
    pipeline = start(account, hosting={"max_instances": 3}).until_deployed()
    deployment = EndpointDeployment.model_validate(pipeline.state["quality"]["deployment"])
    scaling.apply(deployment.endpoint_name, deployment.scaling)
    call(clean_up.handler, run=pipeline.run, failure=FAILURE)
    autoscaling = account.client("application-autoscaling")
    targets = autoscaling.describe_scalable_targets(ServiceNamespace="sagemaker")
    assert targets["ScalableTargets"] == []


def test_the_alarms_of_an_update_that_failed_are_deleted(account: Account) -> None:
    pipeline = start(account).until_deployed()
    cloudwatch = account.client("cloudwatch")
    for alarm in pipeline.state["quality"]["deployment"]["guardrails"]["alarms"]:
        cloudwatch.put_metric_alarm(**alarm)
    assert len(cloudwatch.describe_alarms()["MetricAlarms"]) == 2
    call(clean_up.handler, run=pipeline.run, failure=FAILURE)
    assert cloudwatch.describe_alarms()["MetricAlarms"] == []


def test_a_promoted_endpoint_stays(account: Account) -> None:
    pipeline = start(account).until_deployed()
    pipeline.promote()
    assert call(clean_up.handler, run=pipeline.run, failure=FAILURE)["deleted"] == []
    assert len(account.client("sagemaker").list_endpoints()["Endpoints"]) == 1


def decision(account: Account, arn: str) -> tuple[str, str]:
    found = account.client("sagemaker").describe_model_package(ModelPackageName=arn)
    # Stock moto forgets the status that an update does not name.
    return found.get("ModelApprovalStatus", ""), found.get("ApprovalDescription", "")


def test_the_registered_models_of_a_run_that_failed_are_rejected_but_no_others(
    account: Account,
) -> None:
    live = start(account).until_deployed()
    live.promote()
    going_on = start(account).until_matched()
    going_on.work()
    going_on.check()
    going_on.register()
    failing = start(account).until_deployed()
    first, second = failing.state["package"]["ModelPackageArn"], failing.register()
    for run in (failing.run, live.run):  # the report of the good one failed
        call(clean_up.handler, run=run, failure=FAILURE)
    for arn in (first, second):
        assert decision(account, arn) == ("Rejected", "LatencyGateError: too slow")
    for other in (live, going_on):
        assert decision(account, other.state["package"]["ModelPackageArn"])[0] != "Rejected"
    again = {"Error": "QualityGateError", "Cause": "of the next student"}
    call(clean_up.handler, run=failing.run, failure=again)
    assert decision(account, first) == ("Rejected", "LatencyGateError: too slow")


def test_a_model_that_a_later_run_replaced_is_not_rejected_afterwards(account: Account) -> None:
    former = start(account).until_deployed()
    former.promote()
    start(account).until_deployed().promote()
    call(clean_up.handler, run=former.run, failure=FAILURE)
    assert decision(account, former.state["package"]["ModelPackageArn"])[0] != "Rejected"


def test_a_model_whose_run_was_stopped_before_it_was_promoted_is_rejected(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = start(account).until_deployed()
    arn = pipeline.state["package"]["ModelPackageArn"]
    assert decision(account, arn)[0] == "Approved"
    monkeypatch.setattr(clean_up, "close_run", _fail)
    with pytest.raises(RuntimeError):
        call(clean_up.handler, event=status_change(account, "ABORTED"))
    assert decision(account, arn) == ("Rejected", "the execution was stopped by hand")


def _fail(*_: object) -> None:
    raise RuntimeError("lost")


def test_an_endpoint_of_another_run_is_not_touched(account: Account) -> None:
    live = start(account).until_deployed()
    live.promote()
    failing = start(account).until_matched()
    failing.work()
    quality = failing.check()
    assert quality["deployment"]["replaces_live"] is True
    call(clean_up.handler, run=failing.run, failure=FAILURE)
    endpoint = account.client("sagemaker").describe_endpoint(EndpointName="stratos-tiles")
    live_config = live.state["quality"]["deployment"]["endpoint_config_name"]
    assert endpoint["EndpointConfigName"] == live_config


def test_running_jobs_of_the_run_are_stopped(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = start(account).until_matched()
    job = TrainingJob.model_validate(pipeline.state["match"]["distill"])
    account.create_job(job)
    stopped: list[str] = []
    described = client("sagemaker").describe_training_job(TrainingJobName=job.name)
    running = described | {"TrainingJobStatus": "InProgress"}
    monkeypatch.setattr(leftovers.sagemaker, "describe_job", lambda name: running)
    monkeypatch.setattr(leftovers.sagemaker, "stop_job", stopped.append)
    cleaned = call(clean_up.handler, run=pipeline.run, failure=FAILURE)
    assert cleaned["stopped_jobs"] == stopped == [job.name]


def status_change(account: Account, status: str, **detail: str) -> dict[str, Any]:
    return {"detail": {"executionArn": account.execution_arn, "status": status, **detail}}


def test_no_access_to_an_endpoint_is_not_read_as_no_endpoint(account: Account) -> None:
    pipeline = start(account).until_deployed()
    with Stubber(client("sagemaker")) as stubber:
        stubber.add_response("list_model_packages", {"ModelPackageSummaryList": []})
        stubber.add_response("list_training_jobs", {"TrainingJobSummaries": []})
        stubber.add_client_error("describe_endpoint", "AccessDeniedException")
        with pytest.raises(ClientError, match="AccessDenied"):
            call(clean_up.handler, run=pipeline.run, failure=FAILURE)
    assert len(account.client("sagemaker").list_endpoints()["Endpoints"]) == 1


def test_no_access_to_a_model_means_that_there_is_none_of_this_run(account: Account) -> None:
    with Stubber(client("sagemaker")) as stubber:
        stubber.add_client_error("delete_model", "AccessDeniedException")
        assert not leftovers.sagemaker.delete_model("gone")


def test_all_waits_for_an_endpoint_have_one_deadline(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = start(account).until_deployed()
    deadlines: list[float] = []

    def settled(name: str, deadline: float) -> sagemaker.Endpoint | None:
        deadlines.append(deadline)
        return sagemaker.find_endpoint(name)

    monkeypatch.setattr(sagemaker, "settled_endpoint", settled)
    before = within(leftovers.PATIENCE_SECONDS)
    call(clean_up.handler, run=pipeline.run, failure=FAILURE)
    assert len(deadlines) == 2  # before it is deleted, and until it is gone
    assert before <= deadlines[0] == deadlines[1] <= within(leftovers.PATIENCE_SECONDS)


def test_the_alarms_of_an_update_go_even_if_its_endpoint_does_not_settle(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = start(account).until_deployed()
    SlowUpdates(monkeypatch)
    cloudwatch = account.client("cloudwatch")
    for alarm in pipeline.state["quality"]["deployment"]["guardrails"]["alarms"]:
        cloudwatch.put_metric_alarm(**alarm)
    with pytest.raises(EndpointUnsettled, match=r"still Updating; .* delete it by hand"):
        call(clean_up.handler, run=pipeline.run, failure=FAILURE)
    assert cloudwatch.describe_alarms()["MetricAlarms"] == []


class SlowUpdates:
    """Updates of an endpoint that no single call can wait for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[str] = []
        self.changing = True
        self._find, self._update = sagemaker.find_endpoint, sagemaker.update_endpoint
        monkeypatch.setattr(sagemaker, "find_endpoint", self.find)
        monkeypatch.setattr(sagemaker, "update_endpoint", self.update)
        monkeypatch.setattr(leftovers, "PATIENCE_SECONDS", -1)

    def find(self, name: str) -> sagemaker.Endpoint | None:
        found = self._find(name)
        return found and replace(found, status="Updating" if self.changing else found.status)

    def update(self, name: str, config_name: str) -> None:
        self.asked.append(config_name)
        self.changing = True
        self._update(name, config_name)


def stopped_by_hand(account: Account, pipeline: Pipeline) -> dict[str, Any]:
    """The event that an execution of the run's own was stopped."""
    machine = stack_settings.settings().state_machine_arn
    started = account.client("stepfunctions").start_execution(stateMachineArn=machine)
    runs_table.update(pipeline.run.run_id, execution_arn=started["executionArn"])
    return {"detail": {"executionArn": started["executionArn"], "status": "ABORTED"}}


def test_a_rollback_that_outlasts_a_call_is_gone_on_with_in_the_next(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = start(account).until_deployed()
    live.promote()
    before = live.state["quality"]["deployment"]["endpoint_config_name"]
    failing = start(account).until_deployed()
    made = failing.state["quality"]["deployment"]["endpoint_config_name"]
    stopped = stopped_by_hand(account, failing)
    slow = SlowUpdates(monkeypatch)  # the run was stopped while its update was under way
    for _ in range(2):
        with pytest.raises(EndpointUnsettled):
            call(clean_up.handler, event=stopped)
    assert slow.asked == []
    slow.changing = False
    with pytest.raises(EndpointUnsettled):
        call(clean_up.handler, event=stopped)
    assert turns.has(failing.run, "stratos-tiles")  # nobody else comes between
    assert account.row(failing.run.run_id)["status"] == "stopped"  # the run is over all the same
    slow.changing = False
    cleaned = call(clean_up.handler, event=stopped)
    assert slow.asked == [before]
    assert made in cleaned["deleted"]
    assert not turns.has(failing.run, "stratos-tiles")


def test_an_endpoint_that_cannot_go_back_is_not_tried_for_ever(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = start(account).until_deployed()
    live.promote()
    failing = start(account).until_deployed()
    monkeypatch.setattr(sagemaker, "update_endpoint", lambda *names: None)
    with pytest.raises(DeploymentFailed, match=r"could not go back to .* Update it by hand"):
        call(clean_up.handler, run=failing.run, failure=FAILURE)


def test_tokens_of_failed_attempts_are_spent_and_the_next_attempt_has_less(
    account: Account,
) -> None:
    pipeline = start(account).until_matched()
    keys = RunKeys(pipeline.run.run_id)
    job = TrainingJob.model_validate(pipeline.state["match"]["synthesize"])
    account.create_job(job)
    config_key = keys.job_config("synthesize-a0") + "config.json"
    budget = json.loads(account.read(config_key))["budget_usd"]
    progress_key = keys.job_progress("synthesize-a0")
    account.put(progress_key, factories.progress(usd=0.25).model_dump_json())
    before = sum(cost.usd for cost in job_costs(pipeline.run))
    second = diagnose(pipeline, job.model_dump(), "AlgorithmError: , exit code: 137")["job"]
    config = json.loads(account.read(config_key))
    assert (config["spent_usd"], config["budget_usd"]) == (0.25, pytest.approx(budget - 0.25))
    account.create_job(TrainingJob.model_validate(second))
    assert [cost.token_usd for cost in job_costs(pipeline.run)] == [0.0, 0.25]
    assert sum(cost.token_usd for cost in job_costs(pipeline.run)) <= before
    account.put(progress_key, factories.progress(usd=0.4).model_dump_json())
    diagnose(pipeline, second, "AlgorithmError: , exit code: 137")
    config = json.loads(account.read(config_key))
    assert (config["spent_usd"], config["budget_usd"]) == (0.4, pytest.approx(budget - 0.4))


def test_what_kept_answers_cost_is_counted_once_over_all_attempts(
    account: Account, tmp_path: Path
) -> None:
    pipeline = start(account).until_matched()
    keys = RunKeys(pipeline.run.run_id)
    job = pipeline.state["match"]["synthesize"]
    account.create_job(TrainingJob.model_validate(job))
    config_key = keys.job_config("synthesize-a0") + "config.json"

    def spending(attempt: int, num_calls: int) -> tuple[float, float]:
        """Dollars that an attempt tells of and has left, after some calls beside the kept ones."""
        config = json.loads(account.read(config_key))
        teacher, budget = PaidTeacher(), config["budget_usd"]
        cached = CachedTeacher(teacher, tmp_path / "completions.jsonl", config["spent_usd"])
        asked = [Message(role="user", content=f"{n}?") for n in range((attempt + 1) * num_calls)]
        requests = [Request((message,), 8) for message in asked]
        cached.generate(requests, stop=lambda: False, on_answer=lambda *_: None)
        assert len(teacher.asked) == num_calls
        usd = config["spent_usd"] + cached.usage.usd
        account.put(
            keys.job_progress("synthesize-a0"), factories.progress(usd=usd).model_dump_json()
        )
        return usd, budget - cached.usage.usd

    _, left = spending(0, 2)
    budget = left + 2 * PaidTeacher.usd
    for attempt in (1, 2):
        job = diagnose(pipeline, job, "AlgorithmError: , exit code: 137")["job"]
        usd, left = spending(attempt, 2)
        assert usd == pytest.approx(2 * (attempt + 1) * PaidTeacher.usd)
        assert usd + left == pytest.approx(budget)


def test_an_execution_stopped_by_hand_is_reported_as_stopped(account: Account) -> None:
    pipeline = start(account).until_deployed()
    cleaned = call(clean_up.handler, event=status_change(account, "ABORTED"))
    assert cleaned["run"]["run_id"] == pipeline.run.run_id
    assert "stratos-tiles" in cleaned["deleted"]
    summary = RunSummary.model_validate_json(account.read(RunKeys(pipeline.run.run_id).summary))
    assert (summary.status, summary.endpoint) == ("stopped", None)
    assert account.row(pipeline.run.run_id)["status"] == "stopped"
    assert "stopped by hand" in account.notices()[0]


def test_an_execution_that_reported_its_own_end_is_not_reported_again(account: Account) -> None:
    pipeline = start(account)
    pipeline.parse()
    pipeline.state["failure"] = {"Error": "DatasetRejected", "Cause": "too few"}
    pipeline.report("rejected")
    account.notices()
    call(clean_up.handler, event=status_change(account, "FAILED", error="DatasetRejected"))
    assert account.row(pipeline.run.run_id)["status"] == "rejected"
    assert account.notices() == []


def test_an_execution_that_timed_out_says_so(account: Account) -> None:
    pipeline = start(account)
    call(clean_up.handler, event=status_change(account, "TIMED_OUT"))
    summary = RunSummary.model_validate_json(account.read(RunKeys(pipeline.run.run_id).summary))
    assert (summary.status, summary.reason) == (
        "failed",
        "Execution TIMED_OUT: no cause was given",
    )


def test_an_execution_without_a_run_needs_no_cleaning(account: Account) -> None:
    event = {"detail": {"executionArn": "arn:unknown", "status": "ABORTED"}}
    assert call(clean_up.handler, event=event)["run"] is None


def test_a_function_without_its_environment_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stack_settings.settings.cache_clear()
    monkeypatch.delenv("RUNS_TABLE", raising=False)
    with pytest.raises(ValueError, match="RUNS_TABLE"):
        stack_settings.settings()
