"""Deploying an assembly whose stacks are of several regions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from assembly import ROLE, add_stack, function, template, write_assembly
from botocore.exceptions import ClientError
from moto_cloud import Cloud, running_cloud

from infra.local.cloudformation.deploy import DeployError, check_assembly, deploy
from infra.local.cloudformation.stacks import CloudFormation
from infra.local.host.cloud_key import CloudKey
from infra.local.host.settings import ACCOUNT_ID
from infra.local.lambda_.function_processes import FunctionProcesses

HOME, WORKER = "us-east-1", "eu-west-1"
REGIONS = (HOME, WORKER)
OWNER = CloudKey.random().owner
WHERE = "import os\ndef handler(event, context):\n    return os.environ['AWS_REGION']\n"
"""A function that says where it runs."""


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    seams = (CloudFormation(), FunctionProcesses())
    folder = tmp_path_factory.mktemp("cloud")
    with running_cloud(folder, *seams, regions=REGIONS) as running:
        yield running


def resources() -> dict[str, Any]:
    return {
        "Role": ROLE,
        "Work": function("where"),
        "Bucket": {"Type": "AWS::S3::Bucket"},
        "Key": {"Type": "AWS::KMS::Key", "Properties": {}},
    }


def assembly(directory: Path) -> Path:
    """A stack of one name in each region, with a bucket, a key, a role and a function."""
    outputs = {"Bucket": {"Ref": "Bucket"}, "Key": {"Fn::GetAtt": ["Key", "Arn"]}}
    content, code = template(resources(), **outputs), {"where": {"app.py": WHERE}}
    write_assembly(directory, "Home", content, code)
    return add_stack(directory, "Worker", content, code, f"aws://unknown-account/{WORKER}")


def of_stack(cloud: Cloud, stack: str) -> dict[str, str]:
    """Physical ids of a stack's resources by logical id."""
    found = cloud("cloudformation").describe_stack_resources(StackName=stack)["StackResources"]
    return {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in found}


def test_each_stack_is_made_in_its_region_with_what_it_needs_there(
    cloud: Cloud, tmp_path: Path
) -> None:
    outputs = deploy(assembly(tmp_path), cloud.settings.endpoint_url, OWNER, regions=REGIONS)
    worker = cloud.in_region(WORKER)
    here, there = of_stack(cloud, "Home"), of_stack(worker, "Worker")
    assert outputs["Bucket"] == here["Bucket"]
    assert cloud.invoke(here["Work"])["Payload"] == HOME
    assert worker.invoke(there["Work"])["Payload"] == WORKER
    for bucket, region in ((here["Bucket"], None), (there["Bucket"], WORKER)):
        assert cloud("s3").get_bucket_location(Bucket=bucket)["LocationConstraint"] == region
    assets = f"cdk-hnb659fds-assets-{ACCOUNT_ID}-{WORKER}"
    archive = worker("s3").head_object(Bucket=assets, Key="where.zip")
    assert archive["ContentLength"] > 0
    assert archive["VersionId"] != "null"  # as in a region that was bootstrapped
    arn = worker("kms").describe_key(KeyId=there["Key"])["KeyMetadata"]["Arn"]
    assert arn.split(":")[3] == WORKER


def test_a_stack_of_one_region_is_not_known_in_another(cloud: Cloud, tmp_path: Path) -> None:
    deploy(assembly(tmp_path), cloud.settings.endpoint_url, OWNER, regions=REGIONS)
    with pytest.raises(ClientError, match="does not exist"):
        cloud("cloudformation").describe_stacks(StackName="Worker")
    name = of_stack(cloud.in_region(WORKER), "Worker")["Work"]
    with pytest.raises(ClientError, match="ResourceNotFound"):
        cloud("lambda").get_function(FunctionName=name)


def test_stacks_of_the_same_name_have_buckets_and_roles_of_their_own(
    cloud: Cloud, tmp_path: Path
) -> None:
    content, code = template(resources()), {"where": {"app.py": WHERE}}
    for region in REGIONS:
        path = write_assembly(tmp_path / region, "Twin", content, code, f"aws:///{region}")
        deploy(path, cloud.settings.endpoint_url, OWNER, regions=REGIONS)
    here, there = (of_stack(cloud.in_region(region), "Twin") for region in REGIONS)
    assert here["Bucket"] != there["Bucket"]
    assert here["Role"] != there["Role"]


def test_a_stack_of_a_region_that_the_cloud_lacks_is_refused(tmp_path: Path) -> None:
    found = assembly(tmp_path)
    with pytest.raises(DeployError, match=r"in eu-west-1; .* in us-east-1, eu-north-1.*--regions"):
        check_assembly(found, regions=(HOME, "eu-north-1"))
