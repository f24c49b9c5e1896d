"""Endpoints of another region's runs: what nobody asks goes, what is in service stays."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from lambdas.aws import clients
from lambdas.aws.bucket import Bucket
from lambdas.handlers import sweep_region
from stratos.contracts.bucket import served_key
from stratos.contracts.served import Served
from stratos.errors import SweepIncomplete
from stratos.hosting.ownership import EXPIRES_TAG, STACK_TAG
from stratos.moment import now, written
from tests.unit.lambdas.pipeline import call
from tests.unit.lambdas.standing_endpoint import (
    HOUR,
    MODEL_KEY,
    NAME,
    RUN,
    machine,
    record_at_home,
    stage,
    stand,
    standing,
)
from tests.unit.lambdas.two_regions import AWAY, AWAY_BUCKET, TwoRegions

__all__ = ["machine"]
ALL = {"endpoint", "endpoint-config", "model"}


def refuse_home(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Let home answer with an error."""
    read = Bucket.read

    def refused(bucket: Bucket, *asked: object) -> object:
        if bucket.region == "us-east-1":
            raise error
        return read(bucket, *asked)  # type: ignore[arg-type]

    monkeypatch.setattr(Bucket, "read", refused)


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Home cannot be asked."""
    url = "https://s3.us-east-1.amazonaws.com"
    refuse_home(monkeypatch, EndpointConnectionError(endpoint_url=url))


def swept() -> dict[str, str]:
    found = call(sweep_region.handler)
    return {orphan["kind"]: orphan["reason"] for orphan in found["removed"]}


@pytest.mark.parametrize("at", ["staged", "prepared", "promoted"])
def test_a_lease_lets_an_endpoint_stand(regions: TwoRegions, machine: str, at: str) -> None:
    stand(at, lease_over=False)
    assert swept() == {}
    assert standing() == ALL


@pytest.mark.usefixtures("silent")
def test_what_nobody_asks_goes_with_its_lease_though_home_is_silent(
    regions: TwoRegions, machine: str
) -> None:
    stand("staged", lease_over=True)
    assert swept() == {"endpoint": "its lease is over, and nobody has asked it"}
    assert swept().keys() == {"endpoint-config", "model"}
    assert standing() == set()


@pytest.mark.usefixtures("silent")
def test_what_home_may_have_put_into_service_stays_while_home_is_silent_and_raises_an_alarm(
    regions: TwoRegions, machine: str
) -> None:
    stand("prepared", lease_over=True)
    with pytest.raises(SweepIncomplete, match="may be in service or not"):
        call(sweep_region.handler)
    assert standing() == ALL


@pytest.mark.usefixtures("silent")
def test_what_is_in_service_stays_whoever_can_be_reached(regions: TwoRegions, machine: str) -> None:
    stand("promoted", lease_over=True)
    assert swept() == {}
    assert standing() == ALL


@pytest.mark.usefixtures("silent")
def test_what_is_in_service_ends_with_its_time_whoever_can_be_reached(
    regions: TwoRegions, machine: str
) -> None:
    stand("promoted", lease_over=True, **{EXPIRES_TAG: written(now() - HOUR)})
    assert "its time was over" in swept()["endpoint"]


def test_a_region_learns_from_the_record_that_its_endpoint_is_in_service(
    regions: TwoRegions, machine: str
) -> None:
    stand("prepared", lease_over=True)
    record_at_home(regions, RUN, now() - HOUR)
    assert swept() == {}
    assert stage() == "promoted"
    copied, at_home = (held[served_key("tiles")] for held in (regions.away(), regions.at_home()))
    assert Served.model_validate_json(copied) == Served.model_validate_json(at_home)


@pytest.mark.parametrize("in_service", ["another", None])
def test_what_home_has_not_put_into_service_goes_with_its_lease(
    regions: TwoRegions, machine: str, in_service: str | None
) -> None:
    stand("prepared", lease_over=True)
    if in_service is not None:
        record_at_home(regions, in_service, now() - HOUR)
    assert swept() == {"endpoint": "home has not put it into service"}


def test_an_endpoint_whose_execution_goes_on_is_looked_after(
    regions: TwoRegions, machine: str
) -> None:
    stand("staged", lease_over=True)
    states = boto3.client("stepfunctions", region_name=AWAY)
    states.start_execution(stateMachineArn=machine, name=NAME)
    assert swept() == {}


def test_what_is_another_stack_s_is_left_alone(regions: TwoRegions, machine: str) -> None:
    stand("staged", lease_over=True, **{STACK_TAG: "Other"})
    assert swept() == {}
    assert standing() == ALL


def test_the_copy_of_a_model_that_stands_is_kept_fresh(regions: TwoRegions, machine: str) -> None:
    stand("promoted", lease_over=True)
    regions.put(MODEL_KEY, b"weights", bucket=AWAY_BUCKET)
    regions.age(AWAY_BUCKET, MODEL_KEY, timedelta(days=20))
    swept()
    held = boto3.client("s3", region_name=AWAY).head_object(Bucket=AWAY_BUCKET, Key=MODEL_KEY)
    assert now() - held["LastModified"] < HOUR


def test_a_home_that_refuses_one_answer_keeps_nothing_else_from_being_swept(
    regions: TwoRegions, machine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand("prepared", lease_over=True)
    stand("staged", lease_over=True, name="stratos-other-0123abcd-a0")
    denied = {"Error": {"Code": "AccessDenied", "Message": "by a policy"}}
    refuse_home(monkeypatch, ClientError(denied, "GetObject"))
    with pytest.raises(SweepIncomplete, match=f"{NAME} may be in service or not.*by a policy"):
        call(sweep_region.handler)
    assert standing() == ALL
    assert "endpoint" not in standing("stratos-other-0123abcd-a0")


def test_a_record_that_cannot_be_read_leaves_its_endpoint_in_doubt(
    regions: TwoRegions, machine: str
) -> None:
    stand("prepared", lease_over=True)
    regions.put(served_key("tiles"), b"{}")
    with pytest.raises(SweepIncomplete, match="may be in service or not"):
        call(sweep_region.handler)
    assert standing() == ALL


def test_a_record_of_a_later_release_is_read(regions: TwoRegions, machine: str) -> None:
    stand("prepared", lease_over=True)
    record_at_home(regions, RUN, now() - HOUR)
    later = json.loads(regions.at_home()[served_key("tiles")]) | {"colour": "red"}
    regions.put(served_key("tiles"), json.dumps(later).encode())
    assert swept() == {}
    assert stage() == "promoted"


def test_a_region_that_could_not_note_the_record_is_told_again(
    regions: TwoRegions, machine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand("prepared", lease_over=True)
    record_at_home(regions, RUN, now() - HOUR)
    slow = {"Error": {"Code": "SlowDown", "Message": "later"}}
    with monkeypatch.context() as patched:
        patched.setattr(Bucket, "put_model", fail(ClientError(slow, "PutObject")))
        with pytest.raises(SweepIncomplete, match="not all is noted or kept here"):
            call(sweep_region.handler)
    assert stage() == "prepared"
    swept()
    assert stage() == "promoted"
    assert served_key("tiles") in regions.away()


def fail(error: Exception) -> Callable[..., None]:
    def raised(*_: object) -> None:
        raise error

    return raised


def test_the_copy_of_the_record_of_what_stands_is_kept_fresh(
    regions: TwoRegions, machine: str
) -> None:
    stand("promoted", lease_over=True)
    key = served_key("tiles")
    regions.put(key, b"record", bucket=AWAY_BUCKET)
    regions.age(AWAY_BUCKET, key, timedelta(days=20))
    swept()
    held = boto3.client("s3", region_name=AWAY).head_object(Bucket=AWAY_BUCKET, Key=key)
    assert now() - held["LastModified"] < HOUR


@pytest.mark.parametrize("code", ["AccessDeniedException", "ValidationException"])
def test_a_model_that_is_gone_keeps_no_other_from_being_kept(
    regions: TwoRegions, machine: str, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    stand("promoted", lease_over=True)
    told = {"Error": {"Code": code, "Message": "Could not find model"}}
    sagemaker = clients.client("sagemaker")
    monkeypatch.setattr(sagemaker, "describe_model", lambda **_: fail(ClientError(told, "D"))())
    assert swept() == {}
