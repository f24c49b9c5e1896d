import pytest
from botocore.exceptions import ClientError
from sagemaker_cloud import running_cloud

from infra.local.sagemaker.endpoints.endpoint_processes import EndpointProcesses

GROUP = "mahjong"
INFERENCE = {
    "Containers": [{"Image": "image", "ModelDataUrl": "s3://b/model.tar.gz"}],
    "SupportedContentTypes": ["application/json"],
    "SupportedResponseMIMETypes": ["application/json"],
}
METRICS = {
    "ModelQuality": {
        "Statistics": {"ContentType": "application/json", "S3Uri": "s3://b/metrics.json"}
    }
}


@pytest.fixture
def client(tmp_path):
    with running_cloud([EndpointProcesses()], tmp_path) as cloud:
        cloud.sagemaker.create_model_package_group(ModelPackageGroupName=GROUP)
        yield cloud.sagemaker


def register(client, **changes) -> str:
    request = {
        "ModelPackageGroupName": GROUP,
        "InferenceSpecification": INFERENCE,
        "ModelMetrics": METRICS,
        "CustomerMetadataProperties": {"run": "r-1", "teacher": "big"},
        "Tags": [{"Key": "run", "Value": "r-1"}],
        "SourceUri": "s3://b/source",
        **changes,
    }
    return client.create_model_package(**request)["ModelPackageArn"]


def test_packages_of_a_group_are_versions_and_keep_what_they_were_given(client):
    first, second = register(client), register(client)
    assert first.endswith(f":model-package/{GROUP}/1")
    assert second.endswith(f":model-package/{GROUP}/2")
    described = client.describe_model_package(ModelPackageName=second)
    assert described["ModelPackageVersion"] == 2
    assert described["InferenceSpecification"] == INFERENCE
    assert described["ModelMetrics"] == METRICS
    assert described["CustomerMetadataProperties"] == {"run": "r-1", "teacher": "big"}
    assert described["SourceUri"] == "s3://b/source"
    assert described["ModelApprovalStatus"] == "PendingManualApproval"
    listed = client.list_model_packages(ModelPackageGroupName=GROUP)
    arns = [summary["ModelPackageArn"] for summary in listed["ModelPackageSummaryList"]]
    assert sorted(arns) == [first, second]


def test_an_approval_changes_nothing_else(client):
    arn = register(client)
    client.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    client.update_model_package(
        ModelPackageArn=arn, CustomerMetadataProperties={"teacher": "bigger", "p95_ms": "80"}
    )
    described = client.describe_model_package(ModelPackageName=arn)
    assert described["ModelApprovalStatus"] == "Approved"
    assert described["CustomerMetadataProperties"] == {
        "run": "r-1",
        "teacher": "bigger",
        "p95_ms": "80",
    }
    moved = INFERENCE | {"SupportedRealtimeInferenceInstanceTypes": ["ml.c7i.large"]}
    client.update_model_package(ModelPackageArn=arn, InferenceSpecification=moved)
    described = client.describe_model_package(ModelPackageName=arn)
    assert described["InferenceSpecification"] == moved
    assert described["ModelApprovalStatus"] == "Approved"
    approved = client.list_model_packages(
        ModelPackageGroupName=GROUP, ModelApprovalStatus="Approved"
    )
    assert len(approved["ModelPackageSummaryList"]) == 1


def test_a_group_may_be_named_by_its_arn_and_is_created_once(client):
    group = client.describe_model_package_group(ModelPackageGroupName=GROUP)
    arn = register(client, ModelPackageGroupName=group["ModelPackageGroupArn"])
    assert arn.endswith(f":model-package/{GROUP}/1")
    with pytest.raises(ClientError, match="already exists"):
        client.create_model_package_group(ModelPackageGroupName=GROUP)
    with pytest.raises(ClientError, match="does not exist"):
        register(client, ModelPackageGroupName="never-created")


def test_a_deleted_version_is_gone_and_its_number_stays_taken(client):
    first, second = register(client), register(client)
    client.delete_model_package(ModelPackageName=first)
    with pytest.raises(ClientError, match="not found"):
        client.describe_model_package(ModelPackageName=first)
    with pytest.raises(ClientError, match="not found"):
        client.delete_model_package(ModelPackageName=first)
    third = register(client)
    assert third.endswith(f":model-package/{GROUP}/3")
    listed = client.list_model_packages(ModelPackageGroupName=GROUP)["ModelPackageSummaryList"]
    assert sorted(summary["ModelPackageArn"] for summary in listed) == [second, third]


def test_tags_of_packages_and_groups_are_replaced_by_key(client):
    group = client.describe_model_package_group(ModelPackageGroupName=GROUP)
    for arn in (register(client), group["ModelPackageGroupArn"]):
        tags = [{"Key": "run", "Value": "r-2"}, {"Key": "more", "Value": "1"}]
        client.add_tags(ResourceArn=arn, Tags=tags)
        listed = client.list_tags(ResourceArn=arn)["Tags"]
        assert {tag["Key"]: tag["Value"] for tag in listed} == {"run": "r-2", "more": "1"}
        client.delete_tags(ResourceArn=arn, TagKeys=["more"])
        assert len(client.list_tags(ResourceArn=arn)["Tags"]) == 1


def test_tags_of_something_unknown_are_refused(client):
    arn = "arn:aws:sagemaker:us-east-1:123456789012:model-package/never/1"
    with pytest.raises(ClientError, match="Could not find the resource"):
        client.add_tags(ResourceArn=arn, Tags=[{"Key": "a", "Value": "b"}])
