"""What SageMaker does as the execution role of a job or a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.sagemaker.exceptions import AWSValidationException

from infra.local.host.settings import ACCOUNT_ID, REGION
from infra.local.iam.actions.observation import log_stream_arn
from infra.local.iam.actions.sagemaker import image_pull
from infra.local.iam.authority import AUTHORITY, AccessDeniedError
from infra.local.iam.requirement import Requirement
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
    AUTHORITY.require(session, *image_pull({"Image": image}, REGION))


def judge_observation(session: Session, log_group: str) -> None:
    """Metrics of its instances, and the log's streams; without the rights a job has none.

    https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html
    """
    namespace = "/aws/sagemaker/" + log_group.split("/")[3]
    metrics = {"cloudwatch:namespace": (namespace,)}
    stream = log_stream_arn(REGION, ACCOUNT_ID, log_group)
    for needed in (
        Requirement("cloudwatch:PutMetricData", "*", metrics),
        Requirement("logs:DescribeLogStreams", stream),
    ):
        AUTHORITY.refusal(session, [needed])
