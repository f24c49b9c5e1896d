"""Runs whose endpoint scales to zero: made, measured, replaced, taken back, swept."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lambdas.aws import chat, scaling
from lambdas.handlers import clean_up, sweep
from lambdas.serving import turns, under_load
from stratos.errors import ComponentNotReady, DeploymentFailed, EndpointUnsettled
from tests.fakes import FakeClock, FakeRuntime
from tests.unit.lambdas.conftest import Account
from tests.unit.lambdas.pipeline import TO_ZERO, call, start

NAME = "stratos-tiles"

pytestmark = pytest.mark.usefixtures("local_instances")


def model_of(account: Account) -> str:
    return str(account.components.components[NAME]["Specification"]["ModelName"])


def scaled(account: Account) -> list[str]:
    autoscaling = account.client("application-autoscaling")
    targets = autoscaling.describe_scalable_targets(ServiceNamespace="sagemaker")
    return [target["ResourceId"] for target in targets["ScalableTargets"]]


def test_the_model_of_a_run_is_in_a_component_named_after_its_endpoint(account: Account) -> None:
    pipeline = start(account, **TO_ZERO).until_deployed()
    deployment = pipeline.state["quality"]["deployment"]
    assert deployment["hosting"]["mode"] == "scale_to_zero"
    assert "ModelName" not in deployment["production_variant"]
    assert pipeline.await_component("endpoint") == {"model_name": None}
    assert pipeline.await_component() == {"model_name": deployment["model_name"]}
    required = deployment["component"]["specification"]["ComputeResourceRequirements"]
    assert required["NumberOfCpuCoresRequired"] == pytest.approx(0.75 * 2)  # cores


def test_a_run_waits_while_sagemaker_is_not_done(account: Account) -> None:
    pipeline = start(account, **TO_ZERO).until_deployed()
    account.components.busy = True
    with pytest.raises(ComponentNotReady, match="is Updating"):
        pipeline.await_component()
    account.components.busy = False
    copies = account.components.components[NAME]["RuntimeConfig"]
    copies |= {"CurrentCopyCount": 0, "DesiredCopyCount": 0}
    with pytest.raises(ComponentNotReady, match="gets its planned copies"):
        pipeline.await_component("copies")
    assert copies["DesiredCopyCount"] == 1
    with pytest.raises(ComponentNotReady, match=r"copies .* still start"):
        pipeline.await_component("copies")
    copies["CurrentCopyCount"] = 1
    assert pipeline.await_component("copies")["model_name"] is not None


def test_a_model_that_does_not_start_fails_the_run_in_sagemakers_words(account: Account) -> None:
    pipeline = start(account, **TO_ZERO).until_matched()
    pipeline.work()
    account.components.broken_models.add(pipeline.check()["deployment"]["model_name"])
    pipeline.register()
    pipeline.take_turn()
    pipeline.deploy()
    with pytest.raises(DeploymentFailed, match="failed: it did not start"):
        pipeline.await_component()
    call(clean_up.handler, run=pipeline.run, failure={"Error": "DeploymentFailed", "Cause": ""})
    assert account.components.components == {}
    assert not any(account.resources().values())


def test_a_model_that_scales_to_zero_is_asked_by_the_name_of_its_component(
    account: Account, runtime: FakeRuntime
) -> None:
    measured = start(account, **TO_ZERO).until_deployed().measure()
    assert measured["passed"]
    assert {request["InferenceComponentName"] for request in runtime.requests} == {NAME}


def test_a_promoted_component_scales_between_none_and_the_planned_copies(account: Account) -> None:
    run_id = start(account, **TO_ZERO).until_promoted().run.run_id
    autoscaling = account.client("application-autoscaling")
    (target,) = autoscaling.describe_scalable_targets(ServiceNamespace="sagemaker")[
        "ScalableTargets"
    ]
    assert (target["ResourceId"], target["MinCapacity"]) == (f"inference-component/{NAME}", 0)
    (alarm,) = account.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert alarm["MetricName"] == "NoCapacityInvocationFailures"
    assert alarm["Dimensions"] == [{"Name": "InferenceComponentName", "Value": NAME}]
    assert "policyName/stratos-tiles-wake" in alarm["AlarmActions"][0]
    assert account.row(run_id)["endpoint_name"] == NAME


def test_its_end_is_the_sweepers_because_a_component_goes_before_its_endpoint(
    account: Account,
) -> None:
    run_id = start(account, **TO_ZERO).until_promoted().run.run_id
    scheduler = account.client("scheduler")
    schedule = scheduler.get_schedule(Name=f"{NAME}-expiry", GroupName="stratos")
    assert schedule["Target"]["Arn"].endswith(":function:stratos-sweep")
    due = json.loads(schedule["Target"]["Input"])
    assert due == {"scheduled_at": "<aws.scheduler.scheduled-time>"}
    expires = datetime.fromisoformat(str(account.row(run_id)["expires_at"]))
    early = (expires - timedelta(seconds=1)).isoformat()
    assert call(sweep.handler, scheduled_at=early)["removed"] == []
    removed = call(sweep.handler, scheduled_at=expires.isoformat())["removed"]
    assert [item["kind"] for item in removed] == [
        "inference-component",
        "endpoint",
        "endpoint-config",
        "model",
        "schedule",
    ]
    assert account.components.components == {}
    assert not any(account.resources().values())
    assert scaled(account) == []
    assert account.client("cloudwatch").describe_alarms()["MetricAlarms"] == []


def test_the_next_run_updates_the_component_on_the_instances_it_has(account: Account) -> None:
    first = start(account, **TO_ZERO).until_promoted()
    before = model_of(account)
    second = start(account, **TO_ZERO).until_deployed()
    deployment = second.state["quality"]["deployment"]
    assert deployment["component"]["previous"]["model_name"] == before
    assert (
        deployment["production_variant"]["InstanceType"]
        == first.state["quality"]["deployment"]["production_variant"]["InstanceType"]
    )
    assert second.await_component() == {"model_name": deployment["model_name"]}
    second.promote()
    second.report()
    assert call(sweep.handler)["removed"] == []
    assert "endpoint_name" not in account.row(first.run.run_id)
    account.change(
        second.run.run_id, expires_at=(datetime.now(UTC) - timedelta(hours=1)).isoformat()
    )
    call(sweep.handler)
    assert not any(account.resources().values())


def test_a_rolled_back_update_is_told_by_the_model_in_service(account: Account) -> None:
    start(account, **TO_ZERO).until_promoted()
    before = model_of(account)
    second = start(account, **TO_ZERO).until_matched()
    second.work()
    account.components.broken_models.add(second.check()["deployment"]["model_name"])
    second.register()
    second.take_turn()
    second.deploy()
    with pytest.raises(DeploymentFailed, match=f"was rolled back to {before}"):
        second.await_component()
    failure = {"Error": "DeploymentFailed", "Cause": ""}
    cleaned = call(clean_up.handler, run=second.run, failure=failure)
    assert cleaned["restored_endpoint"] is None
    assert model_of(account) == before
    assert scaled(account) == [f"inference-component/{NAME}"]


def test_the_former_model_is_back_and_scales_after_its_successor_missed_its_load(
    account: Account,
) -> None:
    first = start(account, **TO_ZERO).until_promoted()
    before = model_of(account)
    second = start(account, **TO_ZERO).until_deployed()
    assert model_of(account) != before
    account.client("application-autoscaling").deregister_scalable_target(
        **{
            "ServiceNamespace": "sagemaker",
            "ResourceId": f"inference-component/{NAME}",
            "ScalableDimension": "sagemaker:inference-component:DesiredCopyCount",
        }
    )  # as StopComponentScaling does
    failure = {"Error": "LatencyGateError", "Cause": ""}
    cleaned = call(clean_up.handler, run=second.run, failure=failure)
    assert cleaned["restored_endpoint"] == NAME
    assert cleaned["deleted"] == [second.state["quality"]["deployment"]["model_name"]]
    assert model_of(account) == before
    assert scaled(account) == [f"inference-component/{NAME}"]
    assert account.row(first.run.run_id)["endpoint_name"] == NAME


def test_a_model_that_sagemaker_does_not_put_back_yet_is_put_back_when_asked_again(
    account: Account,
) -> None:
    start(account, **TO_ZERO).until_promoted()
    before = model_of(account)
    second = start(account, **TO_ZERO).until_deployed()
    failure = {"Error": "LatencyGateError", "Cause": ""}
    account.components.refuses_updates = True
    with pytest.raises(EndpointUnsettled, match=f"cannot go back to {before} yet: .* are scaling"):
        call(clean_up.handler, run=second.run, failure=failure)
    assert turns.has(second.run, NAME)
    account.components.refuses_updates = False
    assert call(clean_up.handler, run=second.run, failure=failure)["restored_endpoint"] == NAME
    assert model_of(account) == before


def test_an_endpoint_whose_component_is_gone_ends_when_it_was_to_though_nothing_scales(
    account: Account,
) -> None:
    first = start(account, **TO_ZERO).until_promoted()
    second = start(account, **TO_ZERO).until_registered()
    second.take_turn()
    assert scaling.remove(NAME)  # as StopComponentScaling does
    del account.components.components[NAME]
    failure = {"Error": "DeploymentFailed", "Cause": ""}
    call(clean_up.handler, run=second.run, failure=failure)
    schedule = account.client("scheduler").get_schedule(Name=f"{NAME}-expiry", GroupName="stratos")
    expires = datetime.fromisoformat(str(account.row(first.run.run_id)["expires_at"]))
    assert schedule["ScheduleExpression"] == f"at({expires:%Y-%m-%dT%H:%M:%S})"
    assert scaled(account) == []


def test_a_missed_load_is_not_tried_on_other_instances(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stalled(messages: Any) -> str:
        raise RuntimeError("no answer")

    monkeypatch.setattr(chat, "runtime_client", lambda: FakeRuntime(stalled))
    monkeypatch.setattr(under_load, "MonotonicClock", FakeClock)
    pipeline = start(account, **TO_ZERO).until_deployed()
    measured = pipeline.measure()
    assert not measured["passed"]
    assert "keeps its instances" in measured["reason"]
    assert measured["deployment"] is None
    call(clean_up.handler, run=pipeline.run, failure={"Error": "LatencyGateError", "Cause": ""})
    assert account.components.components == {}
    assert not any(account.resources().values())
