"""Quotas of the account for instances, which `Capacity` keeps."""

from __future__ import annotations

from collections.abc import Iterable

from moto.core.exceptions import JsonRESTError

from infra.local.host.capacity import Capacity, Use

_NAMES: dict[Use, str] = {
    "training": "training job usage",
    "spot": "spot training job usage",
    "hosting": "endpoint usage",
}


def refuse_over_quota(capacity: Capacity, choices: Iterable[tuple[str, int]], use: Use) -> None:
    """Refuse a request of which no choice of an instance type is within its quota.

    Args:
        choices: Instance types, each with how many are asked for.

    Raises:
        JsonRESTError: ResourceLimitExceeded, in the words of SageMaker.
    """
    asked = list(choices)
    if not asked or any(capacity.allows(instance_type, use) for instance_type, _ in asked):
        return
    instance_type, count = asked[0]
    raise JsonRESTError(
        "ResourceLimitExceeded",
        f"The account-level service limit '{instance_type} for {_NAMES[use]}' is 0 Instances, with "
        f"current utilization of 0 Instances and a request delta of {count} Instances. Please use "
        "AWS Service Quotas to request an increase for this quota. If AWS Service Quotas is not "
        "available, contact AWS support to request an increase for this quota.",
    )
