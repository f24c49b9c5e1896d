"""Jobs and models read, write and log by the rights of their roles."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from judged_cloud import ACCOUNT, allow, client_as, make_role
from moto_cloud import Cloud as Clients
from sagemaker_cloud import BUCKET, Cloud, running_cloud

from infra.local.iam.enforcement import AccessControl
from infra.local.sagemaker.training.jobs import TrainingJobProcesses

OBJECTS = f"arn:aws:s3:::{BUCKET}"
TRY_TO_READ = """
import os
import boto3

assert os.environ["AWS_SESSION_TOKEN"]
try:
    boto3.client("s3").get_object(Bucket="stratos-test", Key="secret/a")
except Exception as error:
    raise SystemExit(str(error))
"""
LISTING = allow("s3:ListBucket", OBJECTS)
LOGS = allow(
    ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
    f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/aws/sagemaker/TrainingJobs:*",
)


@contextmanager
def judged(state_dir: Path) -> Iterator[tuple[Cloud, Clients]]:
    with running_cloud([AccessControl(), TrainingJobProcesses()], state_dir) as cloud:
        yield cloud, Clients(cloud.settings)


@pytest.fixture(scope="module")
def clouds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cloud, Clients]]:
    with judged(tmp_path_factory.mktemp("cloud")) as both:
        yield both


def finished(cloud: Cloud, name: str, program: str, role: str, **changes: Any) -> dict[str, Any]:
    cloud.create_job(name, program, RoleArn=role, **changes)
    return cloud.finished(name)


def test_a_job_reads_and_writes_by_its_role(clouds: tuple[Cloud, Clients]) -> None:
    cloud, clients = clouds
    role = make_role(
        clients,
        "able",
        "sagemaker",
        allow("s3:GetObject", f"{OBJECTS}/code/*"),
        allow("s3:PutObject", f"{OBJECTS}/output/*"),
        LISTING,
        LOGS,
    )
    job = finished(cloud, "able", "print('done')", role)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert cloud.log_lines("/aws/sagemaker/TrainingJobs", "able") == ["done"]


def test_a_source_that_the_role_may_not_read_is_refused_and_no_crash(
    clouds: tuple[Cloud, Clients],
) -> None:
    cloud, clients = clouds
    role = make_role(clients, "barred", "sagemaker", LISTING)
    job = finished(cloud, "barred", "print(1)", role)
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"] == (
        "ClientError: Data download failed:Unable to download object "
        "s3://stratos-test/code/barred.tar.gz (AccessDenied: Forbidden)"
    )


def test_a_source_that_the_role_may_not_list_is_refused(clouds: tuple[Cloud, Clients]) -> None:
    cloud, clients = clouds
    role = make_role(clients, "blind", "sagemaker", allow("s3:GetObject", f"{OBJECTS}/code/*"))
    job = finished(cloud, "blind", "print(1)", role)
    assert "assumed-role/blind/SageMaker is not authorized to perform" in job["FailureReason"]
    assert "s3:ListBucket" in job["FailureReason"]


def test_a_program_has_the_rights_of_its_role_only(clouds: tuple[Cloud, Clients]) -> None:
    cloud, clients = clouds
    cloud.put("secret/a", "a")
    reading = allow("s3:GetObject", f"{OBJECTS}/code/*")
    role = make_role(clients, "prying", "sagemaker", reading, LISTING, LOGS)
    assert finished(cloud, "prying", TRY_TO_READ, role)["TrainingJobStatus"] == "Failed"
    assert (
        "assumed-role/prying/SageMaker is not authorized to perform: s3:GetObject on resource: "
        f'"{OBJECTS}/secret/a"'
    ) in "\n".join(cloud.log_lines("/aws/sagemaker/TrainingJobs", "prying"))


def test_an_image_in_a_registry_needs_the_right_to_pull_it(clouds: tuple[Cloud, Clients]) -> None:
    cloud, clients = clouds
    image = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch:2.13-cpu"
    job = finished(
        cloud,
        "unpulled",
        "print(1)",
        make_role(clients, "unpulled", "sagemaker"),
        AlgorithmSpecification={"TrainingImage": image, "TrainingInputMode": "File"},
    )
    assert "ecr:GetAuthorizationToken" in job["FailureReason"]


def test_a_role_that_does_not_trust_sagemaker_is_refused(clouds: tuple[Cloud, Clients]) -> None:
    cloud, clients = clouds
    role = make_role(clients, "foreign", "lambda", allow("*"))
    with pytest.raises(ClientError, match="Could not assume role"):
        cloud.create_job("foreign", "print(1)", RoleArn=role)


def test_a_role_is_passed_on_only_with_the_right_to_do_so(clouds: tuple[Cloud, Clients]) -> None:
    _, clients = clouds
    passed = make_role(clients, "passed", "sagemaker")
    creating = allow("sagemaker:CreateModel")
    maker = client_as(clients, make_role(clients, "maker", "states", creating), "sagemaker")
    container = {"Image": "image", "ModelDataUrl": f"s3://{BUCKET}/m"}
    with pytest.raises(ClientError, match=f"iam:PassRole on resource: {passed}"):
        maker.create_model(ModelName="m", ExecutionRoleArn=passed, PrimaryContainer=container)
    to_sagemaker = {"iam:PassedToService": "sagemaker.amazonaws.com"}
    passing = allow("iam:PassRole", passed, StringEquals=to_sagemaker)
    able = client_as(
        clients, make_role(clients, "able-maker", "states", creating, passing), "sagemaker"
    )
    able.create_model(ModelName="m", ExecutionRoleArn=passed, PrimaryContainer=container)


def test_rights_can_be_bound_to_tags(clouds: tuple[Cloud, Clients]) -> None:
    _, clients = clouds
    ours = {"aws:ResourceTag/stratos:run": "false"}
    deleting = allow("sagemaker:DeleteModel", Null=ours)
    sweeper = client_as(clients, make_role(clients, "sweeper", "lambda", deleting), "sagemaker")
    role = make_role(clients, "models", "sagemaker")
    container = {"Image": "image", "ModelDataUrl": f"s3://{BUCKET}/m"}
    for name, tags in {"tagged": [{"Key": "stratos:run", "Value": "r"}], "bare": []}.items():
        clients("sagemaker").create_model(
            ModelName=name, ExecutionRoleArn=role, PrimaryContainer=container, Tags=tags
        )
    sweeper.delete_model(ModelName="tagged")
    with pytest.raises(ClientError, match="sagemaker:DeleteModel"):
        sweeper.delete_model(ModelName="bare")
