"""What SageMaker takes from its own region only, and jobs and endpoints of several regions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from endpoint_models import create_config, describe, settled
from regions import REGIONS, WORKER
from sagemaker_cloud import BUCKET, ROLE, Cloud, running_cloud
from training_programs import channel

from infra.local.s3.bucket_regions import BucketRegions
from infra.local.sagemaker.endpoints.endpoint_processes import EndpointProcesses
from infra.local.sagemaker.training.jobs import TrainingJobProcesses

REGISTRY = "763104351884.dkr.ecr.us-east-1.amazonaws.com"
TELLS = """
import json, os, pathlib
base = pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"])
(base / "model" / "where").write_text(os.environ["AWS_REGION"])
"""


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    seams = [BucketRegions(), TrainingJobProcesses(), EndpointProcesses()]
    state_dir = tmp_path_factory.mktemp("state")
    with running_cloud(seams, state_dir, regions=REGIONS) as running:
        yield running


@pytest.fixture(scope="module")
def worker(cloud: Cloud) -> Cloud:
    return cloud.in_region(WORKER)


def output(cloud: Cloud, name: str) -> dict[str, str]:
    return cloud.get_tar(f"s3://{cloud.bucket}/output/{name}/output/model.tar.gz")


def test_jobs_of_one_name_run_in_two_regions_each_with_its_own(cloud: Cloud, worker: Cloud) -> None:
    for place in (cloud, worker):
        place.create_job("twin", TELLS)
    for place in (cloud, worker):
        job = place.finished("twin")
        assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
        assert job["TrainingJobArn"].split(":")[3] == place.region
        assert output(place, "twin") == {"where": place.region}
        assert place.log_lines("/aws/sagemaker/TrainingJobs", "twin/") == []


def test_a_job_reads_no_bucket_of_another_region(cloud: Cloud, worker: Cloud) -> None:
    uri = cloud.put("data/rows.jsonl", "{}\n")
    worker.create_job("reads-abroad", TELLS, InputDataConfig=[channel("rows", uri)])
    job = worker.finished("reads-abroad")
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"] == (
        f"ClientError: Data download failed:Unable to download object {uri} (BucketRegionError: "
        "incorrect region, the bucket is not in 'eu-west-1' region)"
    )


def test_a_job_writes_into_no_bucket_of_another_region(worker: Cloud) -> None:
    home = {"S3OutputPath": f"s3://{BUCKET}/output"}
    worker.create_job("writes-abroad", TELLS, OutputDataConfig=home)
    job = worker.finished("writes-abroad")
    assert job["TrainingJobStatus"] == "Failed"
    assert (
        "Artifact upload failed:Unable to upload file to s3://stratos-test/output"
        in (job["FailureReason"])
    )
    assert "BucketRegionError: incorrect region" in job["FailureReason"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"AlgorithmSpecification": {"TrainingImage": f"{REGISTRY}/pytorch-training:2.6"}},
            r"Invalid DNS suffix 'amazonaws.com' for region 'us-east-1' in training image. Please "
            r"provide the valid <region>.<dns-suffix>: 'eu-west-1.amazonaws.com'",
        ),
        (
            {
                "OutputDataConfig": {
                    "S3OutputPath": "s3://stratos-test-eu-west-1/output",
                    "KmsKeyId": "arn:aws:kms:us-east-1:123456789012:key/k",
                }
            },
            "ARN should be scoped to correct region: eu-west-1",
        ),
    ],
)
def test_a_job_with_an_image_or_a_key_of_another_region_is_refused(
    worker: Cloud, changes: dict[str, Any], message: str
) -> None:
    if image := changes.get("AlgorithmSpecification"):
        image["TrainingInputMode"] = "File"
    with pytest.raises(ClientError, match=message) as caught:
        worker.create_job("refused", TELLS, **changes)
    assert caught.value.response["Error"]["Code"] == "ValidationException"


def test_a_model_with_an_image_of_another_region_is_refused(worker: Cloud) -> None:
    with pytest.raises(ClientError, match=r"does not match expected region of eu-west-1\. Cross"):
        worker.sagemaker.create_model(
            ModelName="abroad",
            ExecutionRoleArn=ROLE,
            PrimaryContainer={"Image": f"{REGISTRY}/llama-cpp:server"},
        )


def test_endpoints_of_one_name_answer_in_their_own_region(cloud: Cloud, worker: Cloud) -> None:
    def answered(place: Cloud) -> Any:
        runtime = place.client("sagemaker-runtime")
        invoked = runtime.invoke_endpoint(EndpointName="twin", Body=b"{}")
        told = json.loads(invoked["Body"].read())
        return told["answer"], told["environment"]["AWS_REGION"]

    create_config(cloud, "of-home")
    cloud.sagemaker.create_endpoint(EndpointName="twin", EndpointConfigName="of-home")
    assert settled(cloud, "twin")["EndpointStatus"] == "InService"
    with pytest.raises(ClientError, match="Could not find endpoint"):
        describe(worker, "twin")
    with pytest.raises(ClientError, match="not found"):
        answered(worker)
    create_config(worker, "of-worker")
    worker.sagemaker.create_endpoint(EndpointName="twin", EndpointConfigName="of-worker")
    assert settled(worker, "twin")["EndpointStatus"] == "InService"
    assert answered(cloud) == ("of-home", cloud.region)
    assert answered(worker) == ("of-worker", WORKER)
    cloud.sagemaker.delete_endpoint(EndpointName="twin")
    assert answered(worker) == ("of-worker", WORKER)


def test_folders_of_a_worker_region_lie_below_its_name(cloud: Cloud, tmp_path: Path) -> None:
    settings = cloud.settings
    assert settings.folder_of(settings.home) == settings.state_dir
    assert settings.folder_of(WORKER) == settings.state_dir / WORKER
