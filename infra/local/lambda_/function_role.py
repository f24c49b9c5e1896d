"""What Lambda does as the role of a function: start it and write its log."""

from __future__ import annotations

from infra.local.host.settings import ACCOUNT_ID
from infra.local.iam.actions.observation import LOGS, log_stream_arn
from infra.local.iam.authority import AUTHORITY, AccessDeniedError
from infra.local.iam.requirement import Requirement
from infra.local.iam.sessions import Session
from infra.local.lambda_.configuration import FunctionConfiguration
from infra.local.lambda_.errors import RoleNotAssumableError

_SERVICE = "lambda.amazonaws.com"


def assume_role(configuration: FunctionConfiguration) -> Session:
    """The function's session, named after the function.

    No account and no source is named: Lambda does not document that it would.

    Raises:
        RoleNotAssumableError: Its role is not there, or does not trust Lambda.
    """
    try:
        return AUTHORITY.assume(
            configuration.role_arn, _SERVICE, configuration.name, region=configuration.region
        )
    except AccessDeniedError as error:
        raise RoleNotAssumableError from error


def may_log(session: Session, configuration: FunctionConfiguration, stream: str) -> bool:
    """Whether the function may write to its log; without the right it runs without one."""
    arn = log_stream_arn(configuration.region, ACCOUNT_ID, configuration.log_group, stream)
    return AUTHORITY.refusal(session, [Requirement(action, arn) for action in LOGS]) is None
