"""A cloud that serves endpoints, one endpoint in it, and one that has a queue."""

import pytest
from endpoint_models import create_config, describe, settled
from queued_models import QUEUE, create
from sagemaker_cloud import running_cloud

from infra.local.sagemaker.endpoints.endpoint_processes import EndpointProcesses


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    with running_cloud([EndpointProcesses()], tmp_path_factory.mktemp("state")) as running:
        yield running


@pytest.fixture(scope="module")
def endpoint(cloud):
    create_config(cloud, "first")
    created = cloud.sagemaker.create_endpoint(EndpointName="live", EndpointConfigName="first")
    assert created["EndpointArn"].endswith(":endpoint/live")
    assert describe(cloud, "live")["EndpointStatus"] == "Creating"
    described = settled(cloud, "live")
    assert described["EndpointStatus"] == "InService", described.get("FailureReason")
    return described


@pytest.fixture(scope="module")
def queued(cloud):
    return create(cloud, "queued", queue=QUEUE)
