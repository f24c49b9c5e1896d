"""Batch transform jobs, held against SageMaker's own API."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.session import get_session
from botocore.validate import ParamValidator

from stratos.catalog.servers import ServerCatalog
from stratos.hosting.transform_job import billed_seconds, transforms_on
from tests.unit.stratos.hosting.batch_jobs import STARTED, job, server


@pytest.mark.parametrize("at_once", [1, 7, 32, 256])
@pytest.mark.parametrize("instance_type", ["ml.m7i.xlarge", "ml.g6.48xlarge"])
def test_the_request_is_one_that_sagemaker_takes(instance_type: str, at_once: int) -> None:
    request = job(server(instance_type, count=2), at_once).request()
    client = boto3.client("sagemaker", region_name="us-east-1")
    operation = client.meta.service_model.operation_model("CreateTransformJob")
    assert not ParamValidator().validate(request, operation.input_shape).has_errors()
    resources = request["TransformResources"]
    assert resources["InstanceType"] in shape("TransformInstanceType").enum
    assert resources["InstanceCount"] == 1
    assert request["MaxPayloadInMB"] >= 1
    # SageMaker's bound on what is under way at once, in MB.
    assert request["MaxConcurrentTransforms"] * request["MaxPayloadInMB"] <= 100
    assert request["MaxConcurrentTransforms"] == min(at_once, 96)
    assert request["Environment"] == {}


def shape(name: str) -> Any:
    return get_session().get_service_model("sagemaker").shape_for(name)


def test_a_gpu_gets_the_newest_driver_that_sagemaker_names_for_these_jobs() -> None:
    said = shape("TransformResources").members["TransformAmiVersion"].documentation
    drivers = {int(ami.rpartition("-")[2]): ami for ami in re.findall("<dt>(.+?)</dt>", said)}
    asked = job(server("ml.g6.xlarge")).request()["TransformResources"]
    assert asked["TransformAmiVersion"] == drivers[max(drivers)]
    assert "TransformAmiVersion" not in job(server()).request()["TransformResources"]


def test_the_kinds_of_servers_for_batches_are_those_of_sagemakers_api() -> None:
    offered = set(shape("TransformInstanceType").enum)
    listed = [row.instance_type for row in ServerCatalog.aws().instance_types if row.hosting]
    assert {name for name in listed if transforms_on(name)} == offered & set(listed)
    assert transforms_on("ml.local.cpu2")


def test_one_server_of_a_fleet_is_asked_at_its_own_price() -> None:
    assert job(server(count=4, usd=4.0)).usd_per_hour == 1.0


@pytest.mark.parametrize(
    ("times", "seconds"),
    [
        ({}, 0),
        ({"TransformStartTime": STARTED}, 90),
        ({"TransformStartTime": STARTED, "TransformEndTime": STARTED + timedelta(seconds=36)}, 36),
    ],
)
def test_a_job_is_billed_from_its_start_to_its_end_or_until_now(
    times: dict[str, datetime], seconds: float
) -> None:
    assert billed_seconds(times, STARTED + timedelta(seconds=90)) == seconds
