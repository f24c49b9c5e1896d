"""The model registry: the decision on a version, and what is learned of it later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from lambdas.aws import client
from stratos.model_package import approval_description


def decide(package_arn: str, status: Literal["Approved", "Rejected"], why: str) -> None:
    """Set the approval status of a version, with the reason."""
    client("sagemaker").update_model_package(
        ModelPackageArn=package_arn,
        ModelApprovalStatus=status,
        ApprovalDescription=approval_description(why),
    )


def add_properties(package_arn: str, properties: Mapping[str, str]) -> None:
    """Add properties to a version; the others stay."""
    client("sagemaker").update_model_package(
        ModelPackageArn=package_arn, CustomerMetadataProperties=dict(properties)
    )
