"""Requests to an endpoint in service, and what comes back."""

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from botocore.exceptions import ClientError
from endpoint_models import invoke


def test_body_type_and_attributes_travel_both_ways(cloud, endpoint):
    body = bytes(range(256))
    response = invoke(
        cloud,
        "live",
        body,
        ContentType="application/octet-stream",
        Accept="text/plain",
        CustomAttributes="to-the-model",
    )
    assert response["Body"]["body"].encode("latin-1") == body
    assert response["Body"]["accept"] == "text/plain"
    assert response["Body"]["attributes"] == "to-the-model"
    assert response["ContentType"] == "application/json"
    assert response["CustomAttributes"] == "from-the-model"
    assert response["InvokedProductionVariant"] == "main"


def test_an_error_of_the_container_is_a_model_error(cloud, endpoint):
    runtime = cloud.client("sagemaker-runtime")
    with pytest.raises(runtime.exceptions.ModelError) as caught:
        runtime.invoke_endpoint(EndpointName="live", Body=b"bad")
    response = caught.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert response["OriginalStatusCode"] == 422
    assert response["OriginalMessage"] == '{"error": "no messages"}'
    assert "/aws/sagemaker/Endpoints/live" in response["LogStreamArn"]
    assert "client error (422)" in response["Error"]["Message"]


def test_an_unknown_endpoint_or_variant_is_a_validation_error(cloud, endpoint):
    runtime = cloud.client("sagemaker-runtime")
    with pytest.raises(runtime.exceptions.ValidationError, match="Endpoint nowhere of account"):
        runtime.invoke_endpoint(EndpointName="nowhere", Body=b"")
    with pytest.raises(runtime.exceptions.ValidationError, match="Variant canary"):
        runtime.invoke_endpoint(EndpointName="live", Body=b"", TargetVariant="canary")


def test_a_payload_over_the_limit_is_refused(cloud, endpoint):
    with pytest.raises(ClientError, match="exceeded 6291456 bytes") as caught:
        invoke(cloud, "live", b"x" * (6 * 1024 * 1024 + 1))
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413


def test_a_streamed_response_arrives_as_payload_parts(cloud, endpoint):
    runtime = cloud.client("sagemaker-runtime")
    response = runtime.invoke_endpoint_with_response_stream(EndpointName="live", Body=b"stream")
    assert response["ContentType"] == "text/event-stream"
    parts = [event["PayloadPart"]["Bytes"] for event in response["Body"]]
    assert b"".join(parts) == b"one two three"
    assert len(parts) == 3


def test_a_stream_that_breaks_off_ends_in_a_stream_error(cloud, endpoint):
    runtime = cloud.client("sagemaker-runtime")
    response = runtime.invoke_endpoint_with_response_stream(EndpointName="live", Body=b"broken")
    with closing(response["Body"]) as events:
        assert next(iter(events)) == {"PayloadPart": {"Bytes": b"one "}}
        with pytest.raises(ClientError, match="ModelStreamError"):
            list(events)


def test_many_requests_at_once_are_all_answered(cloud, endpoint):
    runtime = cloud.client("sagemaker-runtime")

    def ask(number: int) -> str:
        body = str(number).encode()
        response = runtime.invoke_endpoint(EndpointName="live", Body=body)
        return json.loads(response["Body"].read())["body"]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(40))) == [str(number) for number in range(40)]
