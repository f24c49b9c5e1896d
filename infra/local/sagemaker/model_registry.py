"""The model registry, mended where moto forgets, overwrites or breaks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.sagemaker.exceptions import AWSValidationException
from moto.sagemaker.models import ModelPackage, SageMakerModelBackend, sagemaker_backends

from infra.local.host.patching import Patches
from infra.local.host.settings import ACCOUNT_ID
from infra.local.sagemaker.api import SageMakerOperations

_DROPPED_BY_MOTO = ("SourceUri", "SkipModelValidation", "ModelLifeCycle", "ModelCard")
_DESCRIBED = "stratos_described"
_LAST_VERSION = "stratos_last_version"
"""Of a group: the highest number that a version of it ever had."""


class ModelRegistry:
    """Model packages keep every field, approvals do not erase metadata, tags can be set.

    Versions can be deleted, and no other gets the number of one.
    """

    def __init__(self) -> None:
        self._operations = SageMakerOperations()
        self._patches = Patches()

    def install(self) -> None:
        self._operations.mend("create_model_package_group", _refuse_taken_group)
        self._operations.mend("create_model_package", _complete_package)
        self._operations.mend("update_model_package", _keep_what_is_not_updated)
        self._operations.after("update_model_package", _update_dropped_fields)
        self._operations.answer("delete_model_package", _delete_package)
        self._number_versions()
        self._remember_dropped_fields()
        original = SageMakerModelBackend._get_resource_from_arn

        def resource_from_arn(backend: Any, arn: str) -> Any:
            resource = _resource_from_arn(backend, arn, original)
            if resource is None:
                raise AWSValidationException(f"Could not find the resource {arn}.")
            return resource

        def add_tags(backend: Any, arn: str, tags: list[dict[str, str]]) -> list[dict[str, str]]:
            resource = resource_from_arn(backend, arn)
            merged = {tag["Key"]: tag for tag in [*(resource.tags or []), *tags]}
            resource.tags = list(merged.values())
            return list(merged.values())

        self._patches.replace(SageMakerModelBackend, "_get_resource_from_arn", resource_from_arn)
        self._patches.replace(SageMakerModelBackend, "add_tags", add_tags)

    def restore(self) -> None:
        self._patches.restore()
        self._operations.restore()

    def _number_versions(self) -> None:
        """moto counts the versions that are left."""
        original_init = ModelPackage.__init__

        def init(package: Any, **given: Any) -> None:
            if given["model_package_version"] is not None:
                backend = sagemaker_backends[given["account_id"]][given["region_name"]]
                group = backend.model_package_groups[given["model_package_group_name"]]
                number = max(getattr(group, _LAST_VERSION, 0) + 1, given["model_package_version"])
                setattr(group, _LAST_VERSION, number)
                given["model_package_version"] = number
            original_init(package, **given)

        self._patches.replace(ModelPackage, "__init__", init)

    def _remember_dropped_fields(self) -> None:
        """Keep the fields of CreateModelPackage that moto has no place for."""
        original_describe = ModelPackage.gen_response_object

        def describe(package: Any) -> dict[str, Any]:
            return {**original_describe(package), **getattr(package, _DESCRIBED, {})}

        self._patches.replace(ModelPackage, "gen_response_object", describe)
        self._operations.after("create_model_package", _keep_dropped_fields)


def skip_versions(region: str, group_name: str, last: int) -> None:
    """Let the next version of a group have a higher number than `last`."""
    group = sagemaker_backends[ACCOUNT_ID][region].model_package_groups[group_name]
    setattr(group, _LAST_VERSION, max(last, getattr(group, _LAST_VERSION, 0)))


def package_container(backend: Any, name: str) -> dict[str, Any]:
    """The container that a registered model package says to run."""
    package = backend.describe_model_package(name)
    containers = (package.inference_specification or {}).get("Containers") or []
    if not containers:
        raise AWSValidationException(
            f"Model package {name} has no InferenceSpecification.Containers; register it with one."
        )
    return dict(containers[0])


def _delete_package(parameters: dict[str, Any], backend: Any) -> dict[str, Any]:
    package = backend.describe_model_package(parameters["ModelPackageName"])
    del backend.model_packages[package.arn]
    names = backend.model_package_name_mapping
    for name in [name for name, arn in names.items() if arn == package.arn]:
        del names[name]
    return {}


def _resource_from_arn(backend: Any, arn: str, original: Callable[[Any, str], Any]) -> Any:
    kind, _, name = arn.split(":", 5)[-1].partition("/")
    if kind == "model-package":
        return backend.model_packages.get(arn)
    if "/" in name:
        return None
    return original(backend, arn)


def _group_name(parameters: dict[str, Any]) -> str | None:
    name = parameters.get("ModelPackageGroupName")
    return name.rpartition("/")[2] if name else None


def _refuse_taken_group(backend: Any, parameters: dict[str, Any]) -> None:
    group = backend.model_package_groups.get(parameters["ModelPackageGroupName"])
    if group is not None:
        raise AWSValidationException(f"Model Package Group already exists: {group.arn}")


def _complete_package(backend: Any, parameters: dict[str, Any]) -> None:
    if name := _group_name(parameters):
        parameters["ModelPackageGroupName"] = name  # given as an ARN, too
    if parameters.get("ModelPackageGroupName"):
        parameters.setdefault("ModelApprovalStatus", "PendingManualApproval")
    parameters.setdefault("Tags", [])


def _keep_dropped_fields(
    backend: Any, parameters: dict[str, Any], answered: dict[str, Any]
) -> None:
    package = backend.model_packages[answered["ModelPackageArn"]]
    kept = {name: parameters[name] for name in _DROPPED_BY_MOTO if name in parameters}
    setattr(package, _DESCRIBED, kept)


def _update_dropped_fields(
    backend: Any, parameters: dict[str, Any], answered: dict[str, Any]
) -> None:
    package = backend.model_packages[answered["ModelPackageArn"]]
    if "InferenceSpecification" in parameters:
        package.inference_specification = parameters["InferenceSpecification"]


def _keep_what_is_not_updated(backend: Any, parameters: dict[str, Any]) -> None:
    """UpdateModelPackage changes what it names; moto clears everything else."""
    package = backend.model_packages.get(parameters["ModelPackageArn"])
    if package is None:
        return  # moto refuses it
    properties = package.customer_metadata_properties or {}
    parameters["CustomerMetadataProperties"] = {
        **properties,
        **(parameters.get("CustomerMetadataProperties") or {}),
    }
    parameters.setdefault("ModelApprovalStatus", package.model_approval_status)
    parameters.setdefault("ApprovalDescription", package.approval_description)
