"""A run waits for its turn while SageMaker still changes the endpoint."""

from __future__ import annotations

import pytest

from lambdas.aws.sagemaker import Endpoint
from lambdas.handlers import clean_up, take_turn
from stratos.errors import EndpointBusy
from tests.unit.lambdas.conftest import Account
from tests.unit.lambdas.pipeline import TO_ZERO, call, start

NAME = "stratos-tiles"


def test_an_endpoint_that_sagemaker_still_changes_is_waited_for(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = start(account).until_registered()
    deleting = Endpoint("stratos-tiles", "some-config", "Deleting")
    with monkeypatch.context() as patched:
        patched.setattr(take_turn, "find_endpoint", lambda _: deleting)
        with pytest.raises(EndpointBusy, match="stratos-tiles is Deleting"):
            pipeline.take_turn()
    assert pipeline.take_turn()["replaces_live"] is False


@pytest.mark.usefixtures("local_instances")
def test_a_run_waits_for_its_turn_while_a_component_is_still_changed(account: Account) -> None:
    start(account, **TO_ZERO).until_promoted()
    second = start(account, **TO_ZERO).until_registered()
    account.components.busy = True
    with pytest.raises(EndpointBusy, match=f"inference component {NAME} is Updating"):
        second.take_turn()
    account.components.busy = False
    live = account.components.components[NAME]["Specification"]
    assert second.take_turn()["component"]["previous"]["model_name"] == live["ModelName"]


def test_an_endpoint_that_has_failed_makes_room_and_comes_back_with_its_model(
    account: Account,
) -> None:
    start(account, hosting={"max_instances": 3}).until_promoted()
    before = account.endpoint_config()
    account.fail_endpoint()
    second = start(account).until_registered()
    taken = second.take_turn()
    assert (taken["replaces_live"], taken["previous_config_name"]) == (False, None)
    assert account.resources()["endpoints"] == set()
    targets = account.client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace="sagemaker"
    )
    assert targets["ScalableTargets"] == []
    second.deploy()
    failure = {"Error": "LatencyGateError", "Cause": ""}
    cleaned = call(clean_up.handler, run=second.run, failure=failure)
    assert cleaned["restored_endpoint"] == NAME
    assert account.endpoint_config() == before
