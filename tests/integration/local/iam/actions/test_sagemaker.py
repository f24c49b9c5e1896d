"""SageMaker: what is made and with what, tags, roles that are passed on, images."""

from __future__ import annotations

from api_requests import api_request, needed, required

from infra.local.iam.actions import requirements
from infra.local.iam.actions.sagemaker import image_pull

ROLE = "arn:aws:iam::123456789012:role/Training"
TAGS = [{"Key": "stratos:run", "Value": "r1"}]


def test_a_job_with_tags_and_a_role_needs_three_rights() -> None:
    found = required("sagemaker", "CreateTrainingJob", TrainingJobName="j", RoleArn=ROLE, Tags=TAGS)
    assert [one.action for one in found] == [
        "sagemaker:CreateTrainingJob",
        "sagemaker:AddTags",
        "iam:PassRole",
    ]
    job, tags, role = found
    assert (
        job.resource == tags.resource == "arn:aws:sagemaker:us-east-1:123456789012:training-job/j"
    )
    assert job.context == {"aws:RequestTag/stratos:run": ("r1",), "aws:TagKeys": ("stratos:run",)}
    assert role.resource == ROLE
    assert role.context == {"iam:PassedToService": ("sagemaker.amazonaws.com",)}


def test_a_model_s_role_is_passed_on_too() -> None:
    found = required("sagemaker", "CreateModel", ModelName="m", ExecutionRoleArn=ROLE)
    assert [one.action for one in found] == ["sagemaker:CreateModel", "iam:PassRole"]


def test_an_endpoint_is_made_of_its_configuration() -> None:
    both = {"EndpointName": "e", "EndpointConfigName": "c"}
    for operation in ("CreateEndpoint", "UpdateEndpoint"):
        assert needed("sagemaker", operation, **both) == [
            (f"sagemaker:{operation}", "endpoint/e"),
            (f"sagemaker:{operation}", "endpoint-config/c"),
        ]


def test_a_component_is_made_on_its_endpoint() -> None:
    names = {"InferenceComponentName": "i", "EndpointName": "e"}
    assert needed("sagemaker", "CreateInferenceComponent", **names) == [
        ("sagemaker:CreateInferenceComponent", "inference-component/i"),
        ("sagemaker:CreateInferenceComponent", "endpoint/e"),
    ]


def test_a_version_of_a_package_needs_its_group() -> None:
    assert needed("sagemaker", "CreateModelPackage", ModelPackageGroupName="g") == [
        ("sagemaker:CreateModelPackage", "model-package/g/*"),
        ("sagemaker:CreateModelPackage", "model-package-group/g"),
    ]


def test_three_ways_to_invoke_have_three_actions() -> None:
    for name in ("InvokeEndpoint", "InvokeEndpointAsync", "InvokeEndpointWithResponseStream"):
        assert needed("sagemaker-runtime", name, EndpointName="e") == [
            (f"sagemaker:{name}", "endpoint/e")
        ]


def test_a_model_in_a_component_is_invoked_by_the_right_to_both() -> None:
    request = api_request(
        "sagemaker-runtime",
        "InvokeEndpoint",
        {"EndpointName": "e"},
        {"X-Amzn-SageMaker-Inference-Component": "i"},
    )
    found = [one.resource.rpartition(":")[2] for one in requirements(request)]
    assert found == ["endpoint/e", "inference-component/i"]


def test_lists_are_about_everything() -> None:
    assert needed("sagemaker", "ListTrainingJobs") == [("sagemaker:ListTrainingJobs", "*")]


def test_an_image_is_pulled_from_its_registry() -> None:
    image = "763104351884.dkr.ecr.eu-west-1.amazonaws.com/pytorch:2.13-cpu"
    found = [(one.action, one.resource) for one in image_pull({"Image": image}, "us-east-1")]
    repository = "arn:aws:ecr:eu-west-1:763104351884:repository/pytorch"
    assert found == [
        ("ecr:GetAuthorizationToken", "*"),
        ("ecr:BatchCheckLayerAvailability", repository),
        ("ecr:GetDownloadUrlForLayer", repository),
        ("ecr:BatchGetImage", repository),
    ]
    assert list(image_pull({"Image": "image"}, "us-east-1")) == []
