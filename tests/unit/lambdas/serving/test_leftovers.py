"""What a run that failed has left behind is removed, and nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from lambdas.aws import runs_table, sagemaker, scaling
from lambdas.aws import settings as stack_settings
from lambdas.aws.clients import client
from lambdas.handlers import clean_up
from lambdas.serving import leftovers, turns
from stratos.errors import DeploymentFailed, EndpointUnsettled
from stratos.hosting.deployment import EndpointDeployment
from stratos.pipeline.steps import TrainingJob
from stratos.waiting import within
from tests.unit.lambdas.conftest import Account
from tests.unit.lambdas.pipeline import Pipeline, call, start

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


def test_no_access_to_an_endpoint_is_not_read_as_no_endpoint(account: Account) -> None:
    pipeline = start(account).until_deployed()
    with Stubber(client("sagemaker")) as stubber:
        stubber.add_response("list_model_packages", {"ModelPackageSummaryList": []})
        stubber.add_response("list_training_jobs", {"TrainingJobSummaries": []})
        stubber.add_client_error("describe_endpoint", "AccessDeniedException")
        with pytest.raises(ClientError, match="AccessDenied"):
            call(clean_up.handler, run=pipeline.run, failure=FAILURE)
    assert len(account.client("sagemaker").list_endpoints()["Endpoints"]) == 1


class SlowUpdates:
    """Updates of an endpoint that no single call can wait for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[str] = []
        self.changing = True
        self._find, self._update = sagemaker.find_endpoint, sagemaker.update_endpoint
        monkeypatch.setattr(sagemaker, "find_endpoint", self.find)
        monkeypatch.setattr(sagemaker, "update_endpoint", self.update)
        monkeypatch.setattr(leftovers, "PATIENCE_SECONDS", -1)

    def find(self, name: str, *where: str | None) -> sagemaker.Endpoint | None:
        found = self._find(name, *where)
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


class FormerModel:
    """A model that was live, scaled and tagged, while the next one's endpoint has failed."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._live = start(account, hosting={"max_instances": 3}).until_promoted()
        self._before = self._seen()
        self.failing = start(account, hosting={"max_instances": 5}).until_deployed()
        self.made = self.failing.state["quality"]["deployment"]["endpoint_config_name"]
        account.fail_endpoint()

    def assert_back(self) -> None:
        """Its endpoint is as it was."""
        assert self._seen() == self._before
        assert self._account.resources()["configs"] == {self._before["config"]}
        assert not turns.has(self.failing.run, "stratos-tiles")

    def _seen(self) -> dict[str, Any]:
        endpoint = self._account.client("sagemaker").describe_endpoint(EndpointName="stratos-tiles")
        tags = self._account.client("sagemaker").list_tags(ResourceArn=endpoint["EndpointArn"])
        targets = self._account.client("application-autoscaling").describe_scalable_targets(
            ServiceNamespace="sagemaker"
        )
        return {
            "status": endpoint["EndpointStatus"],
            "config": endpoint["EndpointConfigName"],
            "tags": {item["Key"]: item["Value"] for item in tags["Tags"]},  # the last counts
            "bounds": [(t["MinCapacity"], t["MaxCapacity"]) for t in targets["ScalableTargets"]],
            "schedules": self._account.resources()["schedules"],
        }


def test_a_failed_endpoint_is_made_anew_with_the_model_it_had(account: Account) -> None:
    former = FormerModel(account)
    cleaned = call(clean_up.handler, run=former.failing.run, failure=FAILURE)
    assert cleaned["restored_endpoint"] == "stratos-tiles"
    assert former.made in cleaned["deleted"]
    assert "stratos-tiles" not in cleaned["deleted"]
    former.assert_back()


def test_a_call_that_ended_before_it_was_made_anew_is_gone_on_with(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    former = FormerModel(account)

    def cut_short(*_: Any) -> bool:
        raise TimeoutError

    with monkeypatch.context() as patched:
        patched.setattr(sagemaker, "create_endpoint", cut_short)
        with pytest.raises(TimeoutError):
            call(clean_up.handler, run=former.failing.run, failure=FAILURE)
    assert sagemaker.find_endpoint("stratos-tiles") is None
    cleaned = call(clean_up.handler, run=former.failing.run, failure=FAILURE)
    assert cleaned["restored_endpoint"] == "stratos-tiles"
    former.assert_back()


def test_two_calls_at_once_make_it_anew_once(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    former = FormerModel(account)
    create, calls = sagemaker.create_endpoint, []

    def create_second(name: str, config_name: str, tags: list[dict[str, str]]) -> bool:
        calls.append(create(name, config_name, tags))  # the other call's
        return create(name, config_name, tags)

    monkeypatch.setattr(sagemaker, "create_endpoint", create_second)
    call(clean_up.handler, run=former.failing.run, failure=FAILURE)
    assert calls == [True]
    former.assert_back()


def test_one_that_another_call_deletes_again_is_left_to_the_next_call(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    former = FormerModel(account)
    with monkeypatch.context() as patched:
        patched.setattr(sagemaker, "create_endpoint", lambda *_: True)
        with pytest.raises(EndpointUnsettled, match="the next call makes it"):
            call(clean_up.handler, run=former.failing.run, failure=FAILURE)
    call(clean_up.handler, run=former.failing.run, failure=FAILURE)
    former.assert_back()


def test_one_that_fails_again_is_told_and_tried_again(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    former = FormerModel(account)
    create = sagemaker.create_endpoint

    def fail(name: str, config_name: str, tags: list[dict[str, str]]) -> bool:
        created = create(name, config_name, tags)
        account.fail_endpoint()
        return created

    with monkeypatch.context() as patched:
        patched.setattr(sagemaker, "create_endpoint", fail)
        with pytest.raises(DeploymentFailed, match="it is Failed with"):
            call(clean_up.handler, run=former.failing.run, failure=FAILURE)
    call(clean_up.handler, run=former.failing.run, failure=FAILURE)
    former.assert_back()


def test_one_whose_configuration_is_gone_is_told_once(account: Account) -> None:
    former = FormerModel(account)
    (before,) = account.resources()["configs"] - {former.made}
    sagemaker.delete_endpoint_config(before)
    with pytest.raises(DeploymentFailed, match=f"its configuration {before} is gone"):
        call(clean_up.handler, run=former.failing.run, failure=FAILURE)
    cleaned = call(clean_up.handler, run=former.failing.run, failure=FAILURE)
    assert former.made in cleaned["deleted"]
    assert not turns.has(former.failing.run, "stratos-tiles")


def test_a_failed_endpoint_without_a_former_model_is_deleted(account: Account) -> None:
    pipeline = start(account).until_deployed()
    account.fail_endpoint()
    cleaned = call(clean_up.handler, run=pipeline.run, failure=FAILURE)
    assert "stratos-tiles" in cleaned["deleted"]
    assert cleaned["restored_endpoint"] is None
    assert account.resources()["endpoints"] == set()
