"""SageMaker: what is made, told apart by tags, and invoked.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsagemaker.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from moto.sagemaker.models import sagemaker_backends

from infra.local.iam.api_request import ApiRequest
from infra.local.iam.requirement import (
    Requirement,
    Rule,
    needs,
    pass_role,
    request_tags,
    resource_tags,
)

_PASSED_TO = "sagemaker.amazonaws.com"
_KINDS = {
    "TrainingJob": "training-job",
    "TransformJob": "transform-job",
    "Model": "model",
    "EndpointConfig": "endpoint-config",
    "Endpoint": "endpoint",
    "InferenceComponent": "inference-component",
    "ModelPackageGroup": "model-package-group",
}
"""What ARNs call the things that operations name."""
_COMPONENT_HEADER = "x-amzn-sagemaker-inference-component"
_ROLE_FIELDS = ("RoleArn", "ExecutionRoleArn")


def _arn(request: ApiRequest, kind: str, name: str) -> str:
    return request.arn("sagemaker", f"{_KINDS[kind]}/{name}")


def _tags(request: ApiRequest, arn: str) -> dict[str, tuple[str, ...]]:
    """Tags of a resource, as conditions see them; none where it is not there."""
    backend = sagemaker_backends[request.account][request.region]
    try:
        tags = backend._get_resource_from_arn(arn).tags or []
    except Exception:  # moto raises what its API would answer, or KeyError
        return {}
    return resource_tags({tag["Key"]: tag["Value"] for tag in tags})


def _creates(kind: str, *with_too: str) -> Rule:
    """Making a thing, with the role it is given, its tags and the other things it is made of."""

    def rule(request: ApiRequest) -> Iterator[Requirement]:
        tags = request_tags(request.parameters.get("Tags") or [])
        made = _arn(request, kind, request.get(f"{kind}Name"))
        yield Requirement(f"sagemaker:Create{kind}", made, tags)
        for other in with_too:
            other_arn = _arn(request, other, request.get(f"{other}Name"))
            context = {**_tags(request, other_arn), **tags}
            yield Requirement(f"sagemaker:Create{kind}", other_arn, context)
        if tags:
            yield Requirement("sagemaker:AddTags", made, tags)
        for field in _ROLE_FIELDS:
            yield from pass_role(request.get(field), _PASSED_TO)

    return rule


def _existing(operation: str, kind: str, *with_too: str) -> Rule:
    """A call on a thing that is there, and on others that it names."""

    def rule(request: ApiRequest) -> Iterator[Requirement]:
        for named in (kind, *with_too):
            if name := request.get(f"{named}Name"):
                arn = _arn(request, named, name)
                yield Requirement(f"sagemaker:{operation}", arn, _tags(request, arn))

    return rule


def _package_arn(request: ApiRequest, name: str) -> str:
    """A version's ARN, or that of a package without versions."""
    return name if name.startswith("arn:") else request.arn("sagemaker", f"model-package/{name}")


def _create_package(request: ApiRequest) -> Iterator[Requirement]:
    tags = request_tags(request.parameters.get("Tags") or [])
    group = request.get("ModelPackageGroupName").rpartition("/")[2]
    name = f"{group}/*" if group else request.get("ModelPackageName")
    made = request.arn("sagemaker", f"model-package/{name}")
    yield Requirement("sagemaker:CreateModelPackage", made, tags)
    if group:
        group_arn = _arn(request, "ModelPackageGroup", group)
        context = {**_tags(request, group_arn), **tags}
        yield Requirement("sagemaker:CreateModelPackage", group_arn, context)
    if tags:
        yield Requirement("sagemaker:AddTags", made, tags)


def _packages(request: ApiRequest) -> str:
    """Those of one group, or all."""
    group = request.get("ModelPackageGroupName").rpartition("/")[2]
    return request.arn("sagemaker", f"model-package/{group}/*" if group else "model-package/*")


def _existing_package(operation: str, field: str) -> Rule:
    return needs(
        f"sagemaker:{operation}", lambda request: _package_arn(request, request.get(field))
    )


def _tagging(operation: str) -> Rule:
    def rule(request: ApiRequest) -> Iterator[Requirement]:
        arn = request.get("ResourceArn")
        keys = request.parameters.get("TagKeys")
        context = {
            **_tags(request, arn),
            **request_tags(request.parameters.get("Tags") or []),
            **({"aws:TagKeys": tuple(keys)} if keys else {}),
        }
        yield Requirement(f"sagemaker:{operation}", arn, context)

    return rule


def _invokes(operation: str) -> Rule:
    def rule(request: ApiRequest) -> Iterator[Requirement]:
        arn = _arn(request, "Endpoint", request.get("EndpointName"))
        yield Requirement(f"sagemaker:{operation}", arn, _tags(request, arn))
        if component := request.headers.get(_COMPONENT_HEADER):
            arn = _arn(request, "InferenceComponent", component)
            yield Requirement(f"sagemaker:{operation}", arn, _tags(request, arn))

    return rule


def image_pull(container: Mapping[str, Any], region: str) -> Iterator[Requirement]:
    """What a role needs for SageMaker to pull its image; none where it is not in a registry."""
    registry, _, repository = str(container.get("Image") or "").partition("/")
    account, *parts = registry.split(".")
    if parts[:2] != ["dkr", "ecr"]:
        return
    name = repository.partition("@")[0].partition(":")[0]
    arn = f"arn:aws:ecr:{parts[2] if len(parts) > 2 else region}:{account}:repository/{name}"
    yield Requirement("ecr:GetAuthorizationToken", "*")
    for action in ("BatchCheckLayerAvailability", "GetDownloadUrlForLayer", "BatchGetImage"):
        yield Requirement(f"ecr:{action}", arn)


_LISTS = (
    "EndpointConfigs",
    "Endpoints",
    "InferenceComponents",
    "ModelPackageGroups",
    "Models",
    "TrainingJobs",
    "TransformJobs",
)
_ON_EXISTING = {
    "DescribeTrainingJob": "TrainingJob",
    "StopTrainingJob": "TrainingJob",
    "DescribeTransformJob": "TransformJob",
    "StopTransformJob": "TransformJob",
    "DescribeModel": "Model",
    "DeleteModel": "Model",
    "DescribeEndpointConfig": "EndpointConfig",
    "DeleteEndpointConfig": "EndpointConfig",
    "DescribeEndpoint": "Endpoint",
    "DeleteEndpoint": "Endpoint",
    "UpdateEndpointWeightsAndCapacities": "Endpoint",
    "DescribeInferenceComponent": "InferenceComponent",
    "UpdateInferenceComponent": "InferenceComponent",
    "UpdateInferenceComponentRuntimeConfig": "InferenceComponent",
    "DeleteInferenceComponent": "InferenceComponent",
    "DescribeModelPackageGroup": "ModelPackageGroup",
}
RULES: Mapping[str, Mapping[str, Rule]] = {
    "sagemaker": {
        "CreateTrainingJob": _creates("TrainingJob"),
        "CreateTransformJob": _creates("TransformJob"),
        "CreateModel": _creates("Model"),
        "CreateEndpointConfig": _creates("EndpointConfig"),
        "CreateEndpoint": _creates("Endpoint", "EndpointConfig"),
        "CreateInferenceComponent": _creates("InferenceComponent", "Endpoint"),
        "CreateModelPackage": _create_package,
        "UpdateEndpoint": _existing("UpdateEndpoint", "Endpoint", "EndpointConfig"),
        "ListModelPackages": needs("sagemaker:ListModelPackages", _packages),
        "DescribeModelPackage": _existing_package("DescribeModelPackage", "ModelPackageName"),
        "DeleteModelPackage": _existing_package("DeleteModelPackage", "ModelPackageName"),
        "UpdateModelPackage": _existing_package("UpdateModelPackage", "ModelPackageArn"),
        "AddTags": _tagging("AddTags"),
        "DeleteTags": _tagging("DeleteTags"),
        "ListTags": _tagging("ListTags"),
        **{name: _existing(name, kind) for name, kind in _ON_EXISTING.items()},
        **{f"List{name}": needs(f"sagemaker:List{name}") for name in _LISTS},
    },
    "sagemaker-runtime": {
        "InvokeEndpoint": _invokes("InvokeEndpoint"),
        "InvokeEndpointAsync": _invokes("InvokeEndpointAsync"),
        "InvokeEndpointWithResponseStream": _invokes("InvokeEndpointWithResponseStream"),
    },
}

__all__ = ["RULES", "image_pull"]
