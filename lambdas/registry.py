"""The model registry: the decision on a version, and what is learned of it later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from lambdas.aws import client
from stratos.model_package import approval_description


def decide(package_arn: str, status: Literal["Approved", "Rejected"], why: str) -> None:
    """Set the approval status of a version, with the reason."""
    client("sagemaker").update_model_package(
        ModelPackageArn=package_arn,
        ModelApprovalStatus=status,
        ApprovalDescription=approval_description(why),
    )


def reject(package_arn: str, why: str) -> None:
    """Mark a version as rejected; one that is keeps the reason it has."""
    described = client("sagemaker").describe_model_package(ModelPackageName=package_arn)
    if described.get("ModelApprovalStatus") != "Rejected":
        decide(package_arn, "Rejected", why)


def add_served(
    package_arn: str, properties: Mapping[str, str], inference: Mapping[str, Any] | None
) -> None:
    """Add what is known of a version once it serves; its other properties stay.

    Args:
        inference: `InferenceSpecification` in place of the one it was registered with, for a
            model that moved to another server.
    """
    specification = {} if inference is None else {"InferenceSpecification": dict(inference)}
    client("sagemaker").update_model_package(
        ModelPackageArn=package_arn, CustomerMetadataProperties=dict(properties), **specification
    )
