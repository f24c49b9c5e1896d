"""An endpoint in the region that serves it: fetched, watched, measured, answered, given up."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError
from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT_ID
from moto.sagemaker.models import sagemaker_backends

from lambdas.handlers import fetch_model, give_up, measure_region, watch_endpoint
from stratos.contracts.bucket import RunKeys
from stratos.errors import DeploymentFailed, HomeUnreachable, NoLongerAwaited
from stratos.pipeline.region_endpoints import RegionEndpoint, RegionLoad, WorkerEndpoint
from tests.unit.lambdas.pipeline import call
from tests.unit.lambdas.standing_endpoint import (
    MODEL_KEY,
    NAME,
    RUN,
    put_run,
    stand,
    standing,
    worker_endpoint,
)
from tests.unit.lambdas.two_regions import AWAY, AWAY_BUCKET, TwoRegions

FAILURE = {"Error": "DeploymentFailed", "Cause": "no capacity"}
SILENT = ConnectionClosedError(endpoint_url="https://states.us-east-1.amazonaws.com")
LOAD = RunKeys(RUN).load_in(NAME, AWAY)


@pytest.fixture
def asked(regions: TwoRegions, runtime: Any) -> WorkerEndpoint:
    put_run(regions)
    return worker_endpoint()


def fetched(asked: WorkerEndpoint) -> WorkerEndpoint:
    moved = RegionEndpoint.model_validate(call(fetch_model.handler, **dict(asked)))
    return asked.model_copy(update={"staged": moved})


def watch(asked: WorkerEndpoint, looks: int = 0) -> dict[str, Any]:
    return call(watch_endpoint.handler, **dict(asked), looks=looks)


def settle(status: str, **told: str) -> None:
    endpoint = sagemaker_backends[ACCOUNT_ID][AWAY].endpoints[NAME]
    endpoint.endpoint_status = status
    for name, value in told.items():
        setattr(endpoint, name, value)


def test_a_model_is_copied_to_its_region_once(regions: TwoRegions, asked: WorkerEndpoint) -> None:
    here = fetched(asked)
    assert here.staged.deployment.container["ModelDataUrl"] == f"s3://{AWAY_BUCKET}/{MODEL_KEY}"
    assert regions.away()[MODEL_KEY] == b"weights"
    moved = regions.moved(RUN)
    assert [one.target for one in moved if one.source.endswith("model.tar.gz")] == [
        f"s3://{AWAY_BUCKET}/{MODEL_KEY}"
    ]
    fetched(asked)
    assert regions.moved(RUN) == moved


def test_an_endpoint_is_watched_until_it_serves(regions: TwoRegions, asked: WorkerEndpoint) -> None:
    stand("staged", lease_over=False)
    settle("Creating")
    assert watch(asked) == {"serving": False, "wait_seconds": 2, "looks": 1}
    settle("InService")
    assert watch(asked, looks=100) == {"serving": True, "wait_seconds": 60, "looks": 101}
    assert [what for what, _ in regions.home.told] == ["heartbeat", "heartbeat"]


def test_an_endpoint_that_comes_to_nothing_says_why(
    regions: TwoRegions, asked: WorkerEndpoint
) -> None:
    stand("staged", lease_over=False)
    settle("Failed", failure_reason="no capacity")
    with pytest.raises(DeploymentFailed, match="did not come into service in eu-west-1: no cap"):
        watch(asked)
    settle("Creating")
    with pytest.raises(DeploymentFailed, match="still Creating after almost three hours"):
        watch(asked, looks=watch_endpoint.MOST_LOOKS - 1)


def test_an_endpoint_goes_on_while_home_is_silent_but_not_when_home_has_given_it_up(
    regions: TwoRegions, asked: WorkerEndpoint
) -> None:
    stand("staged", lease_over=False)
    regions.home.error = SILENT
    assert watch(asked)["serving"]
    regions.home.error, regions.home.waits = None, False
    with pytest.raises(NoLongerAwaited):
        watch(asked)


def test_what_a_region_measured_comes_home_before_its_answer_and_is_measured_once(
    regions: TwoRegions, asked: WorkerEndpoint
) -> None:
    here = fetched(asked)
    assert call(measure_region.handler, **dict(here)) == {"region": AWAY, "answered": True}
    found = RegionLoad.model_validate_json(regions.at_home()[LOAD])
    assert found.load.num_failed == 0
    [(what, _)] = regions.home.answers()
    assert what == "success"
    again = call(measure_region.handler, **dict(here))
    assert again == {"region": AWAY, "answered": False}  # a duplicate: the first one counts
    assert RegionLoad.model_validate_json(regions.at_home()[LOAD]) == found


def test_an_answer_waits_for_a_home_that_is_silent(
    regions: TwoRegions, asked: WorkerEndpoint
) -> None:
    here = fetched(asked)
    regions.home.error = SILENT
    with pytest.raises(HomeUnreachable):
        call(measure_region.handler, **dict(here))
    regions.home.error = None
    assert call(measure_region.handler, **dict(here))["answered"]


def test_an_endpoint_that_is_given_up_is_deleted_and_home_learns_why(
    regions: TwoRegions, asked: WorkerEndpoint
) -> None:
    stand("staged", lease_over=False)
    assert call(give_up.handler, **dict(asked), failure=FAILURE) == {"answered": True}
    assert standing() == set()
    [(_, told)] = regions.home.answers()
    assert (told["error"], told["cause"]) == ("DeploymentFailed", "no capacity")


def test_an_endpoint_whose_execution_was_cut_short_is_deleted_though_home_is_silent(
    regions: TwoRegions, asked: WorkerEndpoint
) -> None:
    stand("staged", lease_over=False)
    regions.home.error = SILENT
    detail = {"status": "TIMED_OUT", "input": asked.model_dump_json()}
    assert call(give_up.handler, event={"detail": detail}) == {"answered": False}
    assert standing() == set()


@pytest.mark.parametrize("silent", [True, False])
def test_an_endpoint_of_which_home_may_have_heard_that_it_is_ready_is_not_deleted(
    regions: TwoRegions, asked: WorkerEndpoint, silent: bool
) -> None:
    here = fetched(asked)
    stand("staged", lease_over=False)
    call(measure_region.handler, **dict(here))
    regions.home.error = SILENT if silent else None
    assert call(give_up.handler, **dict(here), failure=FAILURE) == {"answered": False}
    assert standing() == {"endpoint", "endpoint-config", "model"}
