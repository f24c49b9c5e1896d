"""Quotas of the account for instances, region by region."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError
from endpoint_models import create_config
from regions import HOME, REGIONS, WORKER
from sagemaker_cloud import Cloud, running_cloud

from infra.local.host.capacity import Capacity
from infra.local.sagemaker.endpoints.endpoint_processes import EndpointProcesses
from infra.local.sagemaker.training.jobs import TrainingJobProcesses

A, B = "ml.local.cpu1", "ml.local.cpu2"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    seams = [TrainingJobProcesses(), EndpointProcesses()]
    with running_cloud(seams, tmp_path_factory.mktemp("state"), regions=REGIONS) as running:
        yield running


def test_a_job_over_the_quota_is_refused_in_sagemakers_words(cloud: Cloud) -> None:
    worker = cloud.in_region(WORKER)
    Capacity(cloud.settings, WORKER).forbid([A], ["training"])
    with pytest.raises(ClientError, match=f"'{A} for training job usage' is 0 Instances") as caught:
        worker.create_job("over", "pass\n")
    assert caught.value.response["Error"]["Code"] == "ResourceLimitExceeded"
    either = [{"InstanceType": name, "InstanceCount": 1} for name in (A, B)]
    worker.create_job(
        "second", "pass\n", ResourceConfig={"InstancePreferences": either, "VolumeSizeInGB": 1}
    )
    assert worker.finished("second")["TrainingJobStatus"] == "Completed"
    cloud.create_job("at-home", "pass\n")
    assert cloud.finished("at-home")["TrainingJobStatus"] == "Completed"
    Capacity(cloud.settings, WORKER).permit([A], ["training"])
    worker.create_job("allowed", "pass\n")
    assert worker.finished("allowed")["TrainingJobStatus"] == "Completed"


def test_an_endpoint_over_the_quota_is_refused(cloud: Cloud) -> None:
    Capacity(cloud.settings, HOME).forbid([A], ["hosting"])
    create_config(cloud, "over")
    with pytest.raises(ClientError, match=f"'{A} for endpoint usage' is 0 Instances"):
        cloud.sagemaker.create_endpoint(EndpointName="over", EndpointConfigName="over")
