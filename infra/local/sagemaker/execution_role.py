"""What SageMaker does as the execution role of a job or a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.sagemaker.exceptions import AWSValidationException

from infra.local.iam.actions.sagemaker import image_pull
from infra.local.iam.authority import AUTHORITY, AccessDeniedError
from infra.local.iam.sessions import Session

_SERVICE = "sagemaker.amazonaws.com"
_SESSION = "SageMaker"
MODEL_ROLE = "ExecutionRoleArn"
"""Where a container says which role its model has."""


def assume_execution_role(role_arn: str, source_arn: str) -> Session:
    """The session in which a job or model runs.

    Raises:
        AWSValidationException: The role is not there, or does not trust SageMaker.
    """
    try:
        return AUTHORITY.assume(role_arn, _SERVICE, _SESSION, source_arn)
    except AccessDeniedError as error:
        raise AWSValidationException(
            f"Could not assume role {role_arn}. Please ensure that the role exists and allows "
            f"principal '{_SERVICE}' to assume the role."
        ) from error


def model_session(container: Mapping[str, Any], source_arn: str) -> Session:
    """The session of a model's container."""
    return assume_execution_role(str(container.get(MODEL_ROLE) or ""), source_arn)


def pull_image(session: Session, image: str) -> None:
    """SageMaker pulls an image by the role's rights.

    Raises:
        AccessDeniedError: The role may not.
    """
    AUTHORITY.require(session, *image_pull({"Image": image}, session.region))
