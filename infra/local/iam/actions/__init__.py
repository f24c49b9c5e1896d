"""From an operation of AWS's API to the actions and resources that IAM judges.

The mapping follows the service authorization reference: each operation that this project calls has
a rule. An operation without one is refused for a role, so that a new call cannot pass unseen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from infra.local.iam.actions import (
    bedrock,
    dynamodb,
    identity,
    messaging,
    observation,
    quotas,
    s3,
    sagemaker,
    secrets,
    workflow,
)
from infra.local.iam.api_request import ApiRequest
from infra.local.iam.requirement import Requirement, Rule

RULES: Mapping[str, Mapping[str, Rule]] = {
    **bedrock.RULES,
    **dynamodb.RULES,
    **identity.RULES,
    **messaging.RULES,
    **observation.RULES,
    **quotas.RULES,
    **s3.RULES,
    **sagemaker.RULES,
    **secrets.RULES,
    **workflow.RULES,
}
"""By service, as boto3 names it, and operation."""

FREE = frozenset({("sts", "GetCallerIdentity")})
"""What nobody needs a right for."""


class UnmappedOperationError(LookupError):
    """There is no rule for an operation; the message names it."""


def requirements(request: ApiRequest) -> Iterator[Requirement]:
    """What a request needs.

    Raises:
        UnmappedOperationError: nothing here knows the operation.
    """
    rule = RULES.get(request.service, {}).get(request.operation)
    if rule is not None:
        yield from rule(request)
    elif (request.service, request.operation) not in FREE:
        raise UnmappedOperationError(
            f"The embedded cloud does not know which action {request.service} "
            f"{request.operation} needs. Add it to infra/local/iam/actions."
        )


__all__ = ["RULES", "UnmappedOperationError", "requirements"]
