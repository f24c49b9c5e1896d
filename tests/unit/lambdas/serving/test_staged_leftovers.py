"""What a run that came to nothing made in several regions, and what it left alone."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError
from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT_ID
from moto.sagemaker.models import sagemaker_backends

from lambdas.aws import clients
from lambdas.handlers import clean_up
from lambdas.serving import staged_leftovers
from stratos.errors import DeploymentFailed, EndpointUnsettled
from tests.unit.lambdas.pipeline import call
from tests.unit.lambdas.served_regions import ASIA, EUROPE, Fleet, fleet

__all__ = ["fleet"]


def test_every_region_is_cleaned_though_one_is_not_done_making_its_endpoint(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staged_leftovers, "_PATIENCE_SECONDS", -1)
    fleet.begin()
    fleet.stage()
    made = sagemaker_backends[ACCOUNT_ID][EUROPE].endpoints[fleet.staged.name]
    made.endpoint_status = "Creating"
    with pytest.raises(EndpointUnsettled):
        fleet.clean_up()
    assert set(fleet.endpoints()) == {EUROPE}
    made.endpoint_status = "InService"
    fleet.clean_up()
    assert fleet.endpoints() == {}


def test_a_region_that_cannot_be_reached_holds_nothing_else_up(fleet: Fleet) -> None:
    fleet.begin()
    fleet.stage()
    fleet.network.cut = {ASIA}
    fleet.clean_up()
    assert set(fleet.endpoints()) == {ASIA}


@pytest.mark.parametrize("missed", ["servers_missed", "missed"])
def test_a_run_stages_nothing_else_while_a_region_with_an_endpoint_does_not_answer(
    fleet: Fleet, missed: str
) -> None:
    """The next record would take the place of the one that names the endpoint."""
    fleet.begin()
    fleet.stage()
    fleet.network.cut = {ASIA}
    with pytest.raises(EndpointUnsettled, match=f"billed until its lease ends: {ASIA}: "):
        call(clean_up.handler, run=fleet.pipeline.run, **{missed: "too slow"})
    assert set(fleet.endpoints()) == {ASIA}
    fleet.network.cut = set()
    call(clean_up.handler, run=fleet.pipeline.run, **{missed: "too slow"})
    assert fleet.endpoints() == {}


def test_a_region_that_refuses_is_told_when_all_others_are_clean(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.begin()
    fleet.stage()
    denied = {"Error": {"Code": "AccessDeniedException", "Message": "by a policy"}}

    def refuse(**_: str) -> None:
        raise ClientError(denied, "DeleteEndpoint")

    monkeypatch.setattr(clients.client("sagemaker", EUROPE), "delete_endpoint", refuse)
    with pytest.raises(DeploymentFailed, match=f"may be billed: {EUROPE}: .*by a policy"):
        fleet.clean_up()
    assert set(fleet.endpoints()) == {EUROPE}
