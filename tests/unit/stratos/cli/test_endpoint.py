"""Asking an endpoint, and deleting what a run has in service."""

from __future__ import annotations

from dataclasses import replace

import boto3
import pytest

from stratos.cli import endpoint
from stratos.cli.runs import find_run, list_hosting
from stratos.cli.stack import Stack
from stratos.contracts.messages import Message, openai_message
from stratos.errors import EndpointNotFound, RegionUnreachable, StratosError
from tests import factories
from tests.fakes import FakeRuntime
from tests.unit.stratos.cli.stack_contents import put, put_endpoint, put_model, put_run, run
from tests.unit.stratos.client.served_regions import Silent


def test_a_model_that_batches_ask_goes_with_its_run(stack):
    sagemaker = boto3.client("sagemaker")
    sagemaker.create_model(
        ModelName="stratos-r-1-a0", ExecutionRoleArn="arn:aws:iam::123456789012:role/batches"
    )
    put_run(stack, batch_model_name="stratos-r-1-a0")
    deleted = endpoint.delete(stack, find_run(stack, "r-1"))
    assert deleted.names == ["stratos-r-1-a0"]
    assert sagemaker.list_models()["Models"] == []
    assert find_run(stack, "r-1").batch_model_name is None


def test_invoke_without_an_endpoint_says_so(stack):
    put_run(stack, "r-1", status="failed")
    with pytest.raises(EndpointNotFound, match="is failed and has no endpoint"):
        endpoint.invoke(stack, find_run(stack, "r-1"), "q", 8)


@pytest.fixture
def sent(stack, monkeypatch):
    """Messages that reach the endpoint of r-1, which answers each time."""
    put_endpoint(stack, "e", "r-1")
    put_run(stack, "r-1", endpoint_name="e")
    sent = []
    runtime = FakeRuntime(lambda messages: sent.append(messages) or "billing")
    of_moto = endpoint.client

    def client(service, **named):
        return runtime if service == "sagemaker-runtime" else of_moto(service, **named)

    monkeypatch.setattr(endpoint, "client", client)
    return sent


@pytest.mark.parametrize(
    ("option", "before"),
    [([], []), (["--system", "Which team?"], [{"role": "system", "content": "Which team?"}])],
)
def test_invoke_puts_a_system_message_before_the_question_if_one_is_given(sent, option, before):
    assert run("invoke", "r-1", "Pay?", *option) == (0, "billing\n")
    assert sent == [[*before, {"role": "user", "content": "Pay?"}]]


def test_a_conversation_is_asked_with_its_system_message(stack, sent):
    asked = [Message(role="system", content="Which team?"), Message(role="user", content="Pay?")]
    said = endpoint.converse(stack, find_run(stack, "r-1"), asked, 8)
    assert (said.text, said.region) == ("billing", "us-east-1")
    assert sent == [[openai_message(message) for message in asked]]


def test_delete_removes_endpoint_config_and_model_of_its_run_only(stack):
    sagemaker = stack.sagemaker
    put_model(stack, "r-1")
    put_endpoint(stack, "e", "r-2")
    put_run(stack, "r-1", endpoint_name="e")
    put_run(stack, "r-2", endpoint_name="e")
    assert endpoint.delete(stack, find_run(stack, "r-1")).names == []
    assert len(sagemaker.list_endpoints()["Endpoints"]) == 1
    assert endpoint.delete(stack, find_run(stack, "r-2")).names == ["e", "r-2", "r-2"]
    assert sagemaker.list_endpoints()["Endpoints"] == []
    assert find_run(stack, "r-2").status == "deleted"


def test_delete_removes_a_component_and_its_model_before_the_endpoint(stack):
    sagemaker = stack.sagemaker
    for run_id in ("r-1", "r-2"):
        put_model(stack, run_id)
    variant = {
        "VariantName": "AllTraffic",
        "InstanceType": "ml.m5.large",
        "ManagedInstanceScaling": {"Status": "ENABLED", "MinInstanceCount": 0},
    }
    sagemaker.create_endpoint_config(
        EndpointConfigName="r-1",
        ExecutionRoleArn="arn:aws:iam::123456789012:role/endpoint",
        ProductionVariants=[variant],
    )
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="r-1")
    sagemaker.create_inference_component(
        InferenceComponentName="e",
        EndpointName="e",
        VariantName="AllTraffic",
        Specification={"ModelName": "r-2"},
        RuntimeConfig={"CopyCount": 1},
    )
    put_run(stack, "r-1", endpoint_name="e")
    put_run(stack, "r-2", endpoint_name="e")
    assert endpoint.delete(stack, find_run(stack, "r-1")).names == []  # r-2 took it over
    assert endpoint.delete(stack, find_run(stack, "r-2")).names == ["r-2", "e", "r-1"]
    assert sagemaker.list_inference_components()["InferenceComponents"] == []
    assert sagemaker.list_endpoints()["Endpoints"] == []


AWAY = "eu-west-1"
KEY = "served/tiles.json"


@pytest.fixture
def spread(stack):
    """A run whose model two regions serve, with the record at home and its copy."""
    away = stack.in_region(AWAY)
    away.s3.create_bucket(
        Bucket=away.bucket, CreateBucketConfiguration={"LocationConstraint": AWAY}
    )
    record = factories.served("us-east-1", AWAY)
    for place in (stack, away):
        put(place, KEY, record.model_dump_json().encode())
        put_endpoint(place, record.regions[0].endpoint_name, record.run_id)
    columns = {"spec_name": "tiles", "endpoint_name": record.regions[0].endpoint_name}
    put_run(stack, record.run_id, serving_regions=["us-east-1", AWAY], **columns)
    return record


def records_and_endpoints(stack):
    found = []
    for place in (stack, stack.in_region(AWAY)):
        listed = place.s3.list_objects_v2(Bucket=place.bucket).get("Contents", ())
        found.append([item["Key"] for item in listed])
        found.append(
            [item["EndpointName"] for item in place.sagemaker.list_endpoints()["Endpoints"]]
        )
    return found


def test_delete_ends_what_a_run_serves_in_every_region(stack, spread):
    run_id, name = spread.run_id, spread.regions[0].endpoint_name
    code, out = run("delete", run_id)
    assert code == 0
    each = [name, run_id, run_id]
    told = [*each, *(f"{one} in {AWAY}" for one in each)]
    assert out == "".join(f"deleted {one}\n" for one in told)
    assert records_and_endpoints(stack) == [[], [], [], []]
    row = find_run(stack, run_id)
    assert (row.status, row.serving_regions) == ("deleted", ())


def test_delete_names_a_region_that_does_not_answer(stack, spread, monkeypatch):
    cut_off(monkeypatch)
    with pytest.raises(RegionUnreachable, match=f"{AWAY} does not answer .*stratos sweep"):
        run("delete", spread.run_id)
    assert stack.sagemaker.list_endpoints()["Endpoints"] == []
    assert find_run(stack, spread.run_id).status == "deleted"


def cut_off(monkeypatch):
    """No client of the other region gets an answer."""
    found = Stack.client

    def client(place, service):
        return Silent(service, AWAY) if place.elsewhere else found(place, service)

    monkeypatch.setattr(Stack, "client", client)


def test_nothing_is_erased_while_a_region_cannot_say_what_it_holds(stack, spread, monkeypatch):
    monkeypatch.setattr(Stack, "find", lambda: replace(stack, worker_regions=(AWAY,)))
    cut_off(monkeypatch)
    with pytest.raises(RegionUnreachable, match=f"{AWAY} does not answer.*Nothing was deleted"):
        run("delete", spread.run_id, "--objects", "--live")
    assert len(stack.sagemaker.list_endpoints()["Endpoints"]) == 1


def test_a_run_is_listed_as_live_while_a_region_that_may_serve_it_is_silent(
    stack, spread, monkeypatch
):
    stack.sagemaker.delete_endpoint(EndpointName=spread.regions[0].endpoint_name)
    assert [row.live for row in list_hosting(stack)] == [True]
    away = stack.in_region(AWAY)
    away.sagemaker.delete_endpoint(EndpointName=spread.regions[0].endpoint_name)
    assert [row.live for row in list_hosting(stack)] == [False]
    cut_off(monkeypatch)
    assert [row.live for row in list_hosting(stack)] == [True]


def test_a_record_of_a_later_run_is_left(stack, spread):
    later = factories.served("us-east-1", AWAY, generation=2)
    for place in (stack, stack.in_region(AWAY)):
        put(place, KEY, later.model_dump_json().encode())
    endpoint.delete(stack, find_run(stack, spread.run_id))
    assert records_and_endpoints(stack) == [[KEY], [], [KEY], []]


def test_no_region_keeps_a_copy_that_would_stand_in_for_a_withdrawn_record(stack, spread):
    stack = replace(stack, worker_regions=(AWAY, "ap-northeast-1"))
    third = stack.in_region("ap-northeast-1")
    third.s3.create_bucket(
        Bucket=third.bucket, CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"}
    )
    earlier = factories.served("us-east-1", "ap-northeast-1", run_id="tiles-earlier")
    put(third, KEY, earlier.model_dump_json().encode())
    endpoint.delete(stack, find_run(stack, spread.run_id))
    assert "Contents" not in third.s3.list_objects_v2(Bucket=third.bucket)
    assert records_and_endpoints(stack) == [[], [], [], []]


def test_objects_of_a_run_that_another_region_serves_stay_unless_told(stack, spread):
    stack.sagemaker.delete_endpoint(EndpointName=spread.regions[0].endpoint_name)
    with pytest.raises(StratosError, match="is in service"):
        run("delete", spread.run_id, "--objects")
