"""A run waits for its turn while SageMaker still changes the endpoint."""

from __future__ import annotations

import pytest

from lambdas.aws.sagemaker import Endpoint
from lambdas.handlers import take_turn
from stratos.errors import EndpointBusy
from tests.unit.lambdas.conftest import Account
from tests.unit.lambdas.pipeline import TO_ZERO, start

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
