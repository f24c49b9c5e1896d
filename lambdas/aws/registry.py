"""The model registry: the decision on a version, and what is measured of it later."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from lambdas.aws import runs_table
from lambdas.aws.clients import client
from lambdas.aws.settings import settings
from stratos.contracts.run import RunRef
from stratos.hosting.model_package import RUN_PROPERTY, description


def decide(package_arn: str, status: Literal["Approved", "Rejected"], why: str) -> None:
    """Set the approval status of a version, with the reason."""
    client("sagemaker").update_model_package(
        ModelPackageArn=package_arn,
        ModelApprovalStatus=status,
        ApprovalDescription=description(why),
    )


def reject_unless_promoted(run: RunRef, why: str) -> None:
    """Reject every version that a run registered, with the reason.

    Versions of a run that was promoted stay as they are, and so does the reason of a version that
    was rejected before.
    """
    row = runs_table.find(run.run_id)
    if row is not None and row.live_since is not None:
        return
    for arn, status in _versions_of(run):
        if status != "Rejected":
            decide(arn, "Rejected", why)


def _versions_of(run: RunRef) -> Iterator[tuple[str, str]]:
    """ARN and approval status of the versions that carry the run's id as a property."""
    pages = client("sagemaker").get_paginator("list_model_packages")
    for page in pages.paginate(
        ModelPackageGroupName=settings().model_package_group,
        SortBy="CreationTime",
        SortOrder="Descending",
    ):
        for version in page["ModelPackageSummaryList"]:
            if version["CreationTime"] < run.started_at:
                return
            arn = version["ModelPackageArn"]
            found = client("sagemaker").describe_model_package(ModelPackageName=arn)
            if found.get("CustomerMetadataProperties", {}).get(RUN_PROPERTY) == run.run_id:
                yield arn, found.get("ModelApprovalStatus", "")


def add_served(
    package_arn: str, properties: Mapping[str, str], package: Mapping[str, Any] | None
) -> None:
    """Add what is known of a version once it is in service; its other properties stay.

    Args:
        package: Of a model that moved to another server or precision since it was registered;
            says on which instances it serves, and how accurate it is there.
    """
    name, known = "InferenceSpecification", "CustomerMetadataProperties"
    specification = {} if package is None else {name: package[name]}
    moved = {} if package is None else package.get(known, {})
    client("sagemaker").update_model_package(
        ModelPackageArn=package_arn, **{known: {**moved, **properties}}, **specification
    )
